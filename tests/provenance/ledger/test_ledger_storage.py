"""A folder that cannot be written, a disk that is full, many writers at once."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ORIGIN, ClaimVerifierSim, SubmitterSim
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger

ROOT = Path(__file__).parents[3]
JUDGE = ClaimVerifierSim()
NOBODY = 65534


def child(ledger: Path, state: Path, command: str, *names: str) -> "subprocess.Popen[str]":
    module = "tests.provenance.ledger.ledger_child"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(ledger), str(state), command, *names],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def outcome(process: "subprocess.Popen[str]") -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


@pytest.fixture
def public(alice: SubmitterSim) -> Iterator[Path]:
    """Make a ledger with one entry that somebody else may read and nobody else may write."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    with Ledger.create(
        place / "ledger",
        origin=ORIGIN,
        submitters=[alice.admitted],
        memory=CheckpointMemory(place / "mine"),
        clock=lambda: NOW,
    ) as made:
        made.append([alice.submit("a")], JUDGE)
    (place / "state").mkdir()
    yield place
    shutil.rmtree(place)


@pytest.fixture
def reader(public: Path) -> Iterator[str]:
    """Return which account to become that may not write the ledger (none: the folder itself is read-only)."""
    if os.geteuid() == 0:
        (public / "state").chmod(0o777)
        yield f"={NOBODY}"
    else:
        folders = [public / "ledger", public / "ledger/claims", public / "ledger/tiles"]
        for folder in folders:
            folder.chmod(0o555)
        (public / "ledger/ledger.db").chmod(0o444)
        yield ""
        for folder in folders:
            folder.chmod(0o755)


def test_a_ledger_that_may_only_be_read_is_read_and_verified(public: Path, reader: str) -> None:
    process = child(public / "ledger", public / "state", f"list{reader}")
    assert outcome(process) == (0, "2\ndone\n")


def test_a_ledger_that_may_only_be_read_is_not_appended_to(public: Path, reader: str) -> None:
    process = child(public / "ledger", public / "state", f"append{reader}", "b")
    code, output = outcome(process)
    assert code == 4
    assert output.startswith("ReadError: cannot read or write")
    memory = CheckpointMemory(public / "mine")
    with Ledger.open(public / "ledger", memory=memory) as ledger:
        assert ledger.refresh().size == 2


@pytest.mark.needs("root")
def test_a_ledger_is_read_while_its_owner_writes(
    public: Path, reader: str, alice: SubmitterSim
) -> None:
    assert reader
    memory = CheckpointMemory(public / "mine")
    with Ledger.open(public / "ledger", memory=memory, clock=lambda: NOW) as ledger:
        ledger.append([alice.submit("b")], JUDGE)
        assert (public / "ledger/ledger.db-wal").stat().st_size
        process = child(public / "ledger", public / "state", f"list{reader}")
        assert outcome(process) == (0, "3\ndone\n")


@pytest.mark.parametrize("limit", [0, 300, 700, 1000, 4096, 20_000, 40_000, 60_000])
def test_a_full_disk_leaves_nothing_half_written(
    ledger: Ledger, memory: CheckpointMemory, alice: SubmitterSim, limit: int
) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    ledger.close()
    names = [f"n{number}" for number in range(40)]
    code, output = outcome(child(ledger.path, memory.folder, f"full-append={limit}", *names))
    assert code == 4, output
    assert not list(ledger.path.rglob("*.tmp"))
    with Ledger.open(ledger.path, memory=memory, clock=lambda: NOW) as again:
        assert again.verify(JUDGE).problems == ()
        assert again.refresh().size in {2, 42}
        receipts = again.append([alice.submit(name) for name in names], JUDGE)
        assert [one.index for one in receipts] == list(range(2, 42))
        assert again.verify(JUDGE).problems == ()


def test_writers_in_many_processes_get_contiguous_indices(
    ledger: Ledger, memory: CheckpointMemory
) -> None:
    ledger.close()
    writers = [
        child(ledger.path, memory.folder, "each", *(f"w{writer}-{one}" for one in range(12)))
        for writer in range(4)
    ]
    ended = [outcome(one) for one in writers]
    assert [(code, output.splitlines()[-1]) for code, output in ended] == [(0, "done")] * 4
    with Ledger.open(ledger.path, memory=memory, clock=lambda: NOW) as again:
        audit = again.verify(JUDGE)
        assert (audit.problems, audit.head.size, audit.published) == ((), 49, 49)
        events = [one.event.event_id for one in again.entries(1, 100)]
        for writer in range(4):
            mine = [event for event in events if f"w{writer}-" in event]
            assert mine == [f"event-1-w{writer}-{one}-release" for one in range(12)]


def test_the_same_event_from_many_processes_enters_once(
    ledger: Ledger, memory: CheckpointMemory
) -> None:
    ledger.close()
    writers = [child(ledger.path, memory.folder, "append", "x", "y") for _ in range(4)]
    assert [outcome(one) for one in writers] == [(0, "1\n2\ndone\n")] * 4


def test_a_batch_of_thousands_is_one_checkpoint(ledger: Ledger, alice: SubmitterSim) -> None:
    receipts = ledger.append([alice.submit(str(number)) for number in range(1500)], JUDGE)
    assert [one.index for one in receipts] == list(range(1, 1501))
    audit = ledger.verify()
    assert (audit.problems, audit.published) == ((), 1501)
