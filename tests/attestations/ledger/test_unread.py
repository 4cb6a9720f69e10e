"""Claims that are hidden from a watcher are no reason to be quiet."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import ALICE, CAROL, enter, release
from tests.attestations.ledger.test_monitor import QUIET, rules
from tests.attestations.ledger.test_outside_readers import seen_outside
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.monitor.interface import Alert, Watch
from weightmark.attestations.ledger.monitor.watching import MonitorState, watch
from weightmark.errors import MalformedError
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.log import Ledger

LATER = datetime.now(UTC) + timedelta(days=1)


def look(
    ledger: Ledger, state: MonitorState, wanted: Watch = QUIET
) -> tuple[MonitorState, list[Alert]]:
    after, alerts = watch(ledger, wanted, MonitorState.parse(state.to_bytes()), LATER)
    return after, list(alerts)


def blob_of(ledger: Ledger, claim: Bundle) -> Path:
    return ledger.path / "claims" / hashlib.sha256(claim.to_bytes()).hexdigest()


def test_a_claim_that_was_hidden_is_looked_at_when_it_is_back(ledger: Ledger) -> None:
    first, second = release(ALICE, "a", title="bert"), release(CAROL, "b", title="bert", size=400)
    enter(ledger, ALICE, first)
    enter(ledger, CAROL, second)
    path = blob_of(ledger, second)
    path.unlink()
    state, alerts = look(ledger, MonitorState())
    assert (alerts, state.unread) == ([], (2,))
    state, alerts = look(ledger, state)
    assert (alerts, state.unread) == ([], (2,)), "it waits, however often nobody can read it"
    path.write_bytes(second.to_bytes())
    state, alerts = look(ledger, state)
    assert (rules(alerts), state.unread) == (["new-signer", "size-doubled"], ())


def test_a_view_without_claims_is_told_apart_from_a_quiet_one(
    ledger: Ledger, tmp_path: Path
) -> None:
    enter(ledger, ALICE, release(ALICE, "a", title="bert"))
    enter(ledger, CAROL, release(CAROL, "b", title="bert"))
    with seen_outside(ledger, tmp_path / "view", claims=False) as reader:
        state, alerts = look(reader, MonitorState())
    assert (alerts, state.unread) == ([], (1, 2))


def test_what_needs_no_claim_is_told_once(ledger: Ledger) -> None:
    claim = release(ALICE, "a")
    enter(ledger, ALICE, claim)
    blob_of(ledger, claim).unlink()
    wanted = Watch(signers=frozenset({ALICE.identity.name}), usual_kinds=frozenset())
    state, alerts = look(ledger, MonitorState(), wanted)
    assert rules(alerts) == ["watched"]
    assert look(ledger, state, wanted)[1] == []


def test_what_was_erased_by_the_ledgers_word_is_waited_for_no_more(ledger: Ledger) -> None:
    claim = release(ALICE, "a")
    enter(ledger, ALICE, claim)
    path = blob_of(ledger, claim)
    data = path.read_bytes()
    path.unlink()
    state, _ = look(ledger, MonitorState())
    assert state.unread == (1,)
    path.write_bytes(data)
    redact(ledger, f"sha256:{path.name}", "asked for")
    state, alerts = look(ledger, state)
    assert (rules(alerts), state.unread) == (["erased-unseen"], ())
    assert look(ledger, state)[1] == []


def test_a_state_without_what_waits_is_still_read() -> None:
    old = MonitorState().to_bytes().replace(b',"unread":[]', b"").replace(b'"v":2', b'"v":1')
    assert b"unread" not in old
    assert MonitorState.parse(old).unread == ()


@pytest.mark.parametrize("unread", [b"[0]", b"[-1]", b'["1"]', b"[true]", b"{}"])
def test_a_state_that_waits_for_what_it_never_saw_is_refused(unread: bytes) -> None:
    state = MonitorState().to_bytes().replace(b'"unread":[]', b'"unread":' + unread)
    with pytest.raises(MalformedError):
        MonitorState.parse(state)


def test_a_search_by_words_counts_what_it_could_not_read(ledger: Ledger, tmp_path: Path) -> None:
    enter(ledger, ALICE, release(ALICE, "bert"))
    with ClaimIndex.of(ledger) as index:
        assert list(index.untold()) == []
    with (
        seen_outside(ledger, tmp_path / "view", claims=False) as reader,
        ClaimIndex.of(reader, tmp_path / "cache") as index,
    ):
        assert index.search(words=["bert"]) == ()
        assert len(list(index.untold())) == 1
