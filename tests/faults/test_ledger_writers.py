"""Many writing processes at once, and a database server that dies under them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from tests.sim.postgres import PostgresServer
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate

ROOT = Path(__file__).parents[2]
JUDGE = ClaimVerifierSim()
WRITERS = 8
EACH = 6


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    need("postgresql")
    made = PostgresServer()
    yield made
    made.stop()


@pytest.fixture
def memory(tmp_path: Path) -> CheckpointMemory:
    return CheckpointMemory(tmp_path / "state")


@pytest.fixture
def ledger(tmp_path: Path, memory: CheckpointMemory) -> Iterator[Ledger]:
    keys = [SubmitterSim().admitted]
    with Ledger.create(
        tmp_path / "ledger", origin=ORIGIN, submitters=keys, memory=memory, clock=lambda: NOW
    ) as made:
        yield made


def writer(place: str, state: Path, *names: str) -> "subprocess.Popen[str]":
    module = "tests.provenance.ledger.ledger_child"
    return subprocess.Popen(
        [sys.executable, "-m", module, place, str(state), "each", *names],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def write_at_once(place: str, state: Path) -> dict[str, int]:
    """Let many processes write; returns the index that each of them was told."""
    names = [[f"w{number}-{step}" for step in range(EACH)] for number in range(WRITERS)]
    told: dict[str, int] = {}
    for process in [writer(place, state, *mine) for mine in names]:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        told |= acknowledged(output)
    return told


def acknowledged(output: str) -> dict[str, int]:
    lines = (line.split() for line in output.splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


def check(ledger: Ledger, told: dict[str, int]) -> None:
    """Every acknowledged event stands where its writer was told; there are no gaps and nothing twice."""
    audit = ledger.verify(JUDGE)
    assert audit.problems == ()
    entries = ledger.entries(0, 10_000)
    assert [one.index for one in entries] == list(range(audit.head.size))
    stands = {one.event.event_id: one.index for one in entries[1:]}
    assert len(stands) == len(entries) - 1
    assert {name: stands.get(f"event-1-{name}-release") for name in told} == told


def test_eight_processes_write_to_one_sqlite_ledger(
    ledger: Ledger, memory: CheckpointMemory
) -> None:
    ledger.close()
    told = write_at_once(str(ledger.path), memory.folder)
    assert sorted(told.values()) == list(range(1, WRITERS * EACH + 1))
    with Ledger.open(ledger.path, memory=memory) as again:
        check(again, told)


def test_eight_processes_write_to_one_postgresql_ledger(
    ledger: Ledger, memory: CheckpointMemory, server: PostgresServer
) -> None:
    database = server.database()
    migrate(ledger, database)
    told = write_at_once(f"{database}#{ledger.path / 'log.key'}", memory.folder)
    assert sorted(told.values()) == list(range(1, WRITERS * EACH + 1))
    with Ledger.open(database, memory=memory) as again:
        check(again, told)


def test_a_database_that_dies_under_load_loses_nothing_that_was_acknowledged(
    ledger: Ledger, memory: CheckpointMemory, server: PostgresServer
) -> None:
    database, key = server.database(), ledger.path / "log.key"
    migrate(ledger, database)
    place = f"{database}#{key}"
    names = [f"w{number}-{step}" for number in range(4) for step in range(400)]
    processes = [writer(place, memory.folder, *names[at::4]) for at in range(4)]
    wait_until_written(database, 30)
    server.crash()
    told: dict[str, int] = {}
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 4, output
        told |= acknowledged(output)
    assert told
    server.start()
    with Ledger.open(database, log_key=key, memory=memory, clock=lambda: NOW) as again:
        check(again, told)
        alice = SubmitterSim()
        known = max(told, key=lambda name: told[name])
        assert again.append([alice.submit(known)], JUDGE)[0].index == told[known]
        size = again.refresh().size
        assert again.append([alice.submit("after")], JUDGE)[0].index == size


def wait_until_written(database: str, size: int) -> None:
    """Wait until the log has grown to `size`, so that the crash comes in the midst of the work."""
    import psycopg

    end = time.monotonic() + 60
    with psycopg.connect(database, autocommit=True) as db:
        while time.monotonic() < end:
            row = db.execute("select size from weightmark.head").fetchone()
            if row and row[0] >= size:
                return
            time.sleep(0.02)
    pytest.fail("nobody wrote")


def test_a_server_restarted_in_the_midst_of_a_batch_leaves_all_or_nothing_and_a_retry_succeeds(
    ledger: Ledger, memory: CheckpointMemory, server: PostgresServer
) -> None:
    """The transaction is open, rows are copied, and the server dies before the commit."""
    from weightmark.errors import ReadError
    from weightmark.provenance.ledger.admission import admit

    database, key = server.database(), ledger.path / "log.key"
    migrate(ledger, database)
    alice = SubmitterSim()
    with Ledger.open(database, log_key=key, memory=memory, clock=lambda: NOW) as log:
        store = log.home.store
        batch = [alice.submit(str(number)) for number in range(50)]
        admitted = [admit(log.policy(), one, JUDGE) for one in batch]

        def crash_midway() -> None:
            with store.write() as open_write:
                log.home.blobs.put_all({admitted[0].request_sha256: batch[0].request})
                assert open_write.head().size == 1
                server.crash()
                open_write.head()

        with pytest.raises(ReadError, match="cannot read or write"):
            crash_midway()
        with pytest.raises(ReadError, match="cannot read or write"):
            log.refresh()
        server.start()
        assert log.refresh().size == 1
        assert [one.index for one in log.append(batch, JUDGE)] == list(range(1, 51))
        assert log.verify(JUDGE).problems == ()
