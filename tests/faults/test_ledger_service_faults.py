"""A served ledger that is killed or stopped under load: nothing that was acknowledged is lost."""

import http.client
import json
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, ORIGIN, admitted, make_ledger, release
from tests.attestations.ledger.served import ServedLedger, body_of, serving
from tests.conftest import need
from tests.sim.postgres import PostgresServer
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.migration import migrate
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.proof import verify_receipt

CLIENTS = 8
EACH = 40


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    return [
        body_of(release(ALICE, f"m{number}", f"f{number}"), ORIGIN, ALICE)
        for number in range(CLIENTS * EACH)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "ledger"
    make_ledger(place, [admitted(ALICE)]).close()
    return place


class Load:
    """Clients that send until they are cut off, and keep what was acknowledged."""

    def __init__(self, served: ServedLedger, bodies: list[bytes]) -> None:
        self.receipts: dict[int, bytes] = {}
        self.refused: list[int] = []
        self.enough = threading.Event()
        self._served = served
        self._threads = [
            threading.Thread(target=self._send, args=(bodies, range(at, len(bodies), CLIENTS)))
            for at in range(CLIENTS)
        ]
        for one in self._threads:
            one.start()

    def wait(self) -> None:
        for one in self._threads:
            one.join(60)

    def _send(self, bodies: list[bytes], mine: range) -> None:
        connection = http.client.HTTPConnection(*self._served.address, timeout=60)
        with suppress(OSError, http.client.HTTPException):
            for number in mine:
                connection.request("POST", "/add", bodies[number])
                reply = connection.getresponse()
                text = reply.read()
                if reply.status == 200:
                    self.receipts[number] = text
                else:
                    self.refused.append(reply.status)
                if len(self.receipts) > CLIENTS * 3:
                    self.enough.set()
        connection.close()


def check(folder: Path, load: Load, bodies: list[bytes]) -> None:
    """Every receipt proves an entry that stands where it says, and a retry gives the same."""
    verifier = NoteVerifier.parse((folder / "log.vkey").read_text().strip())
    told = {number: verify_receipt(text, verifier) for number, text in load.receipts.items()}
    assert len({one.index for one in told.values()}) == len(told)
    memory = CheckpointMemory(folder.with_name("auditor"))
    with Ledger.open(folder, memory=memory) as ledger:
        for one in told.values():
            assert ledger.entry(one.index).event == one.event
        assert ledger.verify(BundleVerifier()).problems == ()
    number, known = next(iter(told.items()))
    with serving(folder) as again:
        assert json.loads(again.get("/health").body)["status"] == "ok"
        reply = again.add(bodies[number])
        assert verify_receipt(reply.body, verifier).index == known.index
        for late in range(0, len(bodies), CLIENTS * 7):
            assert again.add(bodies[late]).status == 200


def test_a_service_killed_under_load_loses_nothing_that_was_acknowledged(
    folder: Path, bodies: list[bytes]
) -> None:
    with serving(folder) as served:
        load = Load(served, bodies)
        assert load.enough.wait(60)
        served.kill()
        load.wait()
    assert CLIENTS * 3 < len(load.receipts) < len(bodies)
    check(folder, load, bodies)


def test_a_service_that_is_stopped_finishes_what_it_accepted(
    folder: Path, bodies: list[bytes]
) -> None:
    """Each request that was on its way is answered; what is in the log was acknowledged to somebody."""
    with serving(folder) as served:
        load = Load(served, bodies)
        assert load.enough.wait(60)
        assert served.stop() == 0
        load.wait()
    assert set(load.refused) <= {503}
    with Ledger.open(folder, memory=CheckpointMemory(folder.with_name("auditor"))) as ledger:
        assert ledger.refresh().size == len(load.receipts) + 1
        published = ledger.verify().published
        assert published == len(load.receipts) + 1
    check(folder, load, bodies)


def test_a_database_that_dies_under_a_service_is_missed_and_found_again(
    tmp_path: Path, folder: Path, bodies: list[bytes]
) -> None:
    """Meanwhile nothing is acknowledged, and the service says that it is not well."""
    need("postgresql")
    server = PostgresServer()
    database, key = server.database(), folder / "log.key"
    memory = CheckpointMemory(folder.with_name("auditor"))
    with Ledger.open(folder, memory=memory) as ledger:
        migrate(ledger, database)
    try:
        with serving(folder, "--ledger", database, "--log-key", str(key)) as served:
            verifier = NoteVerifier.parse((folder / "log.vkey").read_text().strip())
            assert verify_receipt(served.add(bodies[0]).body, verifier).index == 1
            server.crash()
            assert served.add(bodies[1]).status == 503
            assert served.get("/health").status == 503
            server.start()
            assert verify_receipt(served.add(bodies[1]).body, verifier).index == 2
            assert served.get("/health").status == 200
            assert served.get("/tile/0/000.p/3").status == 200
            assert served.stop() == 0
        with Ledger.open(database, memory=memory) as again:
            assert again.verify(BundleVerifier()).problems == ()
    finally:
        server.stop()


def test_two_services_on_one_ledger_share_it(folder: Path, bodies: list[bytes]) -> None:
    """A new one is started before the old one is stopped: both write, and nothing is entered twice."""
    with serving(folder) as one, serving(folder) as other:
        first, second = Load(one, bodies[:80]), Load(other, bodies[40:120])
        first.wait()
        second.wait()
    assert not first.refused
    assert not second.refused
    assert len(first.receipts) == len(second.receipts) == 80
    verifier = NoteVerifier.parse((folder / "log.vkey").read_text().strip())
    for number in range(40):
        same = (first.receipts[40 + number], second.receipts[number])
        places = {verify_receipt(text, verifier).index for text in same}
        assert len(places) == 1
    with Ledger.open(folder, memory=CheckpointMemory(folder.with_name("auditor"))) as ledger:
        assert ledger.refresh().size == 121
        assert ledger.verify(BundleVerifier()).problems == ()
