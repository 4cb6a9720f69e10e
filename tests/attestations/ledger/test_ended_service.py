"""A ledger that moved, or that another one succeeded, behind a service that runs on: everybody is told what happened."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, ORIGIN, admitted, enter, make_ledger, release
from tests.attestations.ledger.served import ServedLedger, body_of, serving
from weightmark.errors import Exit, LedgerNotLiveError
from weightmark.provenance.ledger.administration import freeze
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.standing import LIVE, Role, Standing

SUCCESSOR = "example.com/models-2"
PATHS = ("/ledger.json", "/checkpoint", "/log.vkey", "/search", "/tile/0/000.p/1", "/")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with make_ledger(tmp_path / "register", [admitted(ALICE)]) as made:
        enter(made, ALICE, release(ALICE, "m"))
        yield made


@pytest.fixture
def served(ledger: Ledger) -> Iterator[ServedLedger]:
    with serving(ledger.path) as found:
        assert found.get("/ledger.json").status == 200
        assert found.add(body_of(release(ALICE, "n"), ORIGIN, ALICE)).status == 200
        yield found


def address(ledger: Ledger, served: ServedLedger) -> str:
    return f"{served.url}#{ledger.vkey}"


def test_a_service_whose_ledger_was_succeeded_says_by_which_log(
    ledger: Ledger, served: ServedLedger
) -> None:
    with Ledger.open(address(ledger, served), memory=CheckpointMemory(ledger.path / "m")) as client:
        freeze(ledger, SUCCESSOR)
        late = served.add(body_of(release(ALICE, "late"), ORIGIN, ALICE))
        for reply in (late, *map(served.get, PATHS)):
            assert reply.status == 410
            assert SUCCESSOR.encode() in reply.body
            assert str(ledger.path).encode() not in reply.body, "no place of the operator's"
        assert json.loads(late.body)["code"] == "ledger-not-live"
        assert served.get("/health").status == 503
        for ask in (client.refresh, client.verify, lambda: client.find(subject="wm1:x")):
            with pytest.raises(LedgerNotLiveError, match=SUCCESSOR):
                ask()
        with pytest.raises(LedgerNotLiveError, match=f"succeeded by the log `{SUCCESSOR}`") as told:
            enter(client, ALICE, release(ALICE, "later"))
        assert told.value.exit is Exit.UNCHECKED
    with pytest.raises(LedgerNotLiveError, match=SUCCESSOR):
        Ledger.open(address(ledger, served), memory=CheckpointMemory(ledger.path / "m"))


def test_a_service_whose_ledger_moved_says_so_and_not_where(
    ledger: Ledger, served: ServedLedger
) -> None:
    ledger.home.set_standing(Standing(Role.MOVED, "/srv/of/the/operator"))
    for reply in (
        served.add(body_of(release(ALICE, "late"), ORIGIN, ALICE)),
        served.get("/ledger.json"),
    ):
        assert (reply.status, b"has moved to another place" in reply.body) == (410, True)
        assert b"/srv/of" not in reply.body


def test_a_service_goes_on_when_the_succession_was_given_up(
    ledger: Ledger, served: ServedLedger
) -> None:
    freeze(ledger, SUCCESSOR)
    assert served.get("/ledger.json").status == 410
    ledger.home.set_standing(LIVE)
    assert served.get("/ledger.json").status == 200
    assert served.add(body_of(release(ALICE, "late"), ORIGIN, ALICE)).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/checkpoint", "/nothing/here", "/add", "/claims/x", "/search?x=1"]
)
def test_every_answer_has_the_same_headers_whatever_its_status(
    shared: ServedLedger, method: str, path: str
) -> None:
    reply = shared.ask(method, path)
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert "no-cache" in reply.headers["cache-control"]
    assert "server" not in reply.headers


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedLedger]:
    place = tmp_path_factory.mktemp("shared") / "register"
    with make_ledger(place, [admitted(ALICE)]), serving(place) as found:
        yield found


def test_the_judging_processes_end_with_a_server_that_is_killed(ledger: Ledger) -> None:
    """They hold the claims of others in memory, and would wait for work for ever."""
    with serving(ledger.path) as served:
        assert served.add(body_of(release(ALICE, "n"), ORIGIN, ALICE)).status == 200
        workers = children_of(served.process.pid)
        assert workers
        served.kill()
        for _ in range(600):
            if not any(map(is_running, workers)):
                break
            time.sleep(0.05)
        assert not [one for one in workers if is_running(one)]


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for file in listed for one in file.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
