"""A service that lies about its ledger: what its clients notice, and what only a whole reading shows."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    admitted,
    enter,
    identity_of,
    make_ledger,
    release,
)
from tests.sim.ledger_service import LedgerServiceSim
from tests.sim.web import Answer
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.consulting import consult
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission, submit
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.signers.key import KeySigner
from weightmark.errors import (
    CallError,
    Exit,
    LedgerInconsistentError,
    LimitError,
    NetworkError,
    ReadError,
    RefusedError,
    SubmissionRefusedError,
    TrustNotSaidError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.service.wire import encode_error
from weightmark.provenance.ledger.store.interface import Query

Opener = Callable[[], Ledger]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with make_ledger(tmp_path / "ledger", [admitted(ALICE), admitted(BOB)]) as made:
        enter(made, ALICE, release(ALICE, "a"), release(ALICE, "b"))
        yield made


@pytest.fixture
def service(ledger: Ledger) -> Iterator[LedgerServiceSim]:
    with LedgerServiceSim.running(ledger.path) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> CheckpointMemory:
    return CheckpointMemory(tmp_path / "client")


@pytest.fixture
def visit(ledger: Ledger, service: LedgerServiceSim, client: CheckpointMemory) -> Opener:
    return lambda: Ledger.open(f"{service.url}#{ledger.vkey}", memory=client)


def flip(data: bytes) -> bytes:
    """Change one bit in the midst."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_an_honest_service_is_read_written_and_audited(
    ledger: Ledger, visit: Opener, client: CheckpointMemory
) -> None:
    with visit() as served:
        (receipt,) = submit(served, [release(BOB, "c")], BOB)
        assert receipt.index == 3
        assert [one.index for one in served.search(Query(kind=Kind.RELEASE))] == [1, 2, 3]
        assert served.claim(3) == ledger.claim(3)
        assert served.verify().problems == ()
        seen = client.recall(served.verifier)
        assert seen
        assert seen.size == 4
        with pytest.raises(SubmissionRefusedError, match="not admitted"):
            submit(served, [release(BOB, "d")], KeySigner(PrivateKey.generate()))
    assert ledger.refresh().size == 4


def test_a_log_whose_key_was_not_named_is_not_believed(
    service: LedgerServiceSim, client: CheckpointMemory
) -> None:
    with pytest.raises(TrustNotSaidError, match="was not said"):
        Ledger.open(service.url, memory=client)


def test_the_key_that_a_service_names_decides_nothing(
    tmp_path: Path, service: LedgerServiceSim, client: CheckpointMemory, ledger: Ledger
) -> None:
    """Somebody who took over the address serves a log of their own, with its own key."""
    (tmp_path / "elsewhere").mkdir()
    with make_ledger(tmp_path / "elsewhere" / "mallory", [admitted(BOB)]) as other:
        service.place = other.path
        with pytest.raises(WrongSignerError, match="another key than you named") as told:
            Ledger.open(f"{service.url}#{ledger.vkey}", memory=client)
        assert told.value.exit is Exit.BAD
        assert "by another way" in told.value.fix


def test_two_keys_for_one_ledger_are_no_call(
    service: LedgerServiceSim, client: CheckpointMemory, ledger: Ledger
) -> None:
    with pytest.raises(CallError, match="another"):
        Ledger.open(f"{service.url}#{ledger.vkey}", vkey="log.example+00000000+AQ==", memory=client)


def test_an_old_checkpoint_is_a_rollback_for_whoever_saw_the_newer_one(
    ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    old = (ledger.path / "tiles" / "checkpoint").read_bytes()
    enter(ledger, ALICE, release(ALICE, "c"))
    visit().close()
    service.lies["checkpoint"] = lambda _: old
    with pytest.raises(LedgerInconsistentError, match="rolled back"):
        visit()


def test_another_history_is_a_fork_for_whoever_saw_the_first(
    tmp_path: Path, ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    fork = split(ledger, tmp_path / "fork")
    enter(ledger, ALICE, release(ALICE, "c"))
    visit().close()
    service.place = fork
    with pytest.raises(LedgerInconsistentError, match="forked"):
        visit()


def test_a_receipt_out_of_another_history_is_refused(
    tmp_path: Path, ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    """It takes a submission into a copy that nobody else sees, and proves it there."""
    service.written = split(ledger, tmp_path / "fork")
    enter(ledger, ALICE, *(release(ALICE, name) for name in "cdefg"))
    with visit() as served, pytest.raises(LedgerInconsistentError, match="forked"):
        submit(served, [release(BOB, "h")], BOB)


def test_a_receipt_that_was_never_entered_is_a_rollback(
    tmp_path: Path, ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    service.written = split(ledger, tmp_path / "fork")
    with visit() as served, pytest.raises(LedgerInconsistentError, match="rolled back"):
        submit(served, [release(BOB, "h")], BOB)


def test_a_good_receipt_of_another_entry_is_refused(
    ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    other = ledger.prove(1).text
    service.lies["add"] = lambda _: other
    with visit() as served, pytest.raises(LedgerInconsistentError, match="another entry"):
        submit(served, [release(ALICE, "c")], ALICE)


def test_the_claim_entered_as_merely_observed_is_refused(
    ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    """The service enters it so that no policy counts it, and proves that."""
    enter(ledger, BOB, release(ALICE, "c"), kind="observed")
    other = ledger.prove(3).text
    service.lies["add"] = lambda _: other
    with visit() as served, pytest.raises(LedgerInconsistentError, match="another entry"):
        submit(served, [release(ALICE, "c")], ALICE)


@pytest.mark.parametrize(
    "lie",
    [
        flip,
        lambda _: b"",
        lambda text: text[:-30],
        lambda text: text.replace(b"index 3", b"index 2"),
    ],
)
def test_a_receipt_that_does_not_prove_is_refused(
    service: LedgerServiceSim, visit: Opener, lie: Callable[[bytes], bytes]
) -> None:
    service.lies["add"] = lie
    with visit() as served, pytest.raises(RefusedError):
        submit(served, [release(BOB, "c")], BOB)


@pytest.mark.parametrize("path", ["tile/0/", "checkpoint"])
def test_a_swapped_tile_or_checkpoint_is_found_when_the_ledger_is_opened(
    service: LedgerServiceSim, visit: Opener, path: str
) -> None:
    service.lies[path] = flip
    with pytest.raises(RefusedError):
        visit()


def test_a_changed_entry_is_found(service: LedgerServiceSim, visit: Opener) -> None:
    service.lies["tile/entries/"] = lambda data: data.replace(b'"scan"', b'"test"').replace(
        b"release", b"approve"
    )
    with visit() as served:
        with pytest.raises(LedgerInconsistentError, match="changed"):
            served.entry(1)
        with pytest.raises(LedgerInconsistentError):
            served.search(Query(), complete=True)


def test_a_changed_claim_is_found(service: LedgerServiceSim, visit: Opener) -> None:
    service.lies["claims/"] = flip
    with visit() as served, pytest.raises(LedgerInconsistentError, match="was changed"):
        served.claim(1)


def test_a_hidden_entry_is_missed_by_a_search_and_found_by_a_complete_one(
    service: LedgerServiceSim, visit: Opener
) -> None:
    """The one lie that a search can't show: nothing signs its answer. `--complete` asks nobody."""
    service.lies["search"] = lambda answer: edited(answer, lambda found: found[1:])
    with visit() as served:
        assert [one.index for one in served.search(Query(kind=Kind.RELEASE))] == [2]
        whole = served.search(Query(kind=Kind.RELEASE), complete=True)
        assert [one.index for one in whole] == [1, 2]


def test_a_hidden_revocation_binds_all_the_same(
    ledger: Ledger, service: LedgerServiceSim, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A ledger of at most 5000 entries is read whole when it is consulted."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    revoke(ledger, ALICE, RevocationSubject(identity_of("a")), "backdoor")
    service.answers["/search"] = Answer(
        b'{"schema":"weightmark/ledger-service-search/v1","size":4,"entries":[]}'
    )
    consultation = consult(f"{service.url}#{ledger.vkey}")
    assert consultation.revocations
    assert [one.subject.text for one in consultation.revocations.in_force] == [identity_of("a")]


def test_an_invented_entry_is_found(service: LedgerServiceSim, visit: Opener) -> None:
    def invent(found: list[dict[str, object]]) -> list[dict[str, object]]:
        return [*found, {"index": 2, "event": {**event_of(found[0]), "signer": "key:" + "0" * 64}}]

    service.lies["search"] = lambda answer: edited(answer, lambda found: invent(found[:1]))
    with visit() as served, pytest.raises(LedgerInconsistentError, match="changed"):
        served.search(Query(kind=Kind.RELEASE))


def test_an_entry_that_was_not_asked_for_is_refused(
    ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    body = json.loads(ledger.entry(1).body)
    service.lies["search"] = lambda answer: edited(answer, lambda _: [{"index": 1, "event": body}])
    with visit() as served, pytest.raises(LedgerInconsistentError, match="wrong about entry 1"):
        served.search(Query(kind=Kind.SCAN))


def test_pages_of_a_search_end_even_if_the_service_wants_to_go_on(
    service: LedgerServiceSim, visit: Opener
) -> None:
    service.lies["search"] = lambda answer: edited(answer, lambda found: found * 2000)
    with visit() as served, pytest.raises(LedgerInconsistentError, match="not in order"):
        served.search(Query())


def test_a_refusal_in_place_of_a_receipt_is_no_receipt(
    service: LedgerServiceSim, visit: Opener
) -> None:
    error = SubmissionRefusedError("the claim stands in the ledger as entry 1")
    service.answers["/add"] = Answer(encode_error(error), 403)
    with visit() as served, pytest.raises(SubmissionRefusedError):
        submit(served, [release(ALICE, "c")], ALICE)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(b"<html>busy</html>", 502), NetworkError),
        (Answer(b"", 302, headers={"Location": "http://127.0.0.1:1/"}), NetworkError),
        (Answer(b"x" * 3_000_000, 200), LimitError),
        (Answer(b"not found", 404), UnsupportedError),
    ],
)
def test_what_is_no_answer_is_nothing_checked(
    service: LedgerServiceSim, visit: Opener, answer: Answer, kind: type[WeightmarkError]
) -> None:
    service.answers["/add"] = answer
    with visit() as served, pytest.raises(kind) as raised:
        submit(served, [release(ALICE, "c")], ALICE)
    assert raised.value.exit is Exit.UNCHECKED


def test_a_web_server_that_knows_nothing_of_services_is_a_published_view(
    ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    for path in ("/ledger.json", "/search", "/add"):
        service.answers[path] = Answer(b"not found", 404)
    with visit() as served:
        assert [one.index for one in served.search(Query(kind=Kind.RELEASE))] == [1, 2]
        with pytest.raises(UnsupportedError, match="only read"):
            submit(served, [release(ALICE, "c")], ALICE)
    assert ledger.refresh().size == 3


@pytest.mark.parametrize(
    "url", ["http://ledger.example", "http://10.0.0.1:80", "http://127.0.0.1.example"]
)
def test_an_address_that_is_not_encrypted_is_not_asked(url: str, client: CheckpointMemory) -> None:
    with pytest.raises(CallError, match="not encrypted"):
        Ledger.open(url, memory=client)


def test_a_password_in_an_address_is_not_shown(client: CheckpointMemory) -> None:
    with pytest.raises(CallError) as raised:
        Ledger.open("http://me:secret@ledger.example", memory=client)
    assert "secret" not in raised.value.what
    with pytest.raises(NetworkError) as unreachable:
        Ledger.open("http://me:secret@127.0.0.1:1", memory=client)
    assert "secret" not in unreachable.value.what


def split(ledger: Ledger, place: Path) -> Path:
    """Let a copy of the ledger grow on its own, by the same key."""
    ledger.close()
    shutil.copytree(ledger.path, place)
    memory = CheckpointMemory(place.with_name(f"{place.name}.operator"))
    with Ledger.open(place, memory=memory) as copy:
        enter(copy, BOB, release(BOB, "z"))
    return place


def edited(
    answer: bytes, edit: Callable[[list[dict[str, object]]], list[dict[str, object]]]
) -> bytes:
    fields = json.loads(answer)
    return json.dumps({**fields, "entries": edit(fields["entries"])}).encode()


def event_of(entry: dict[str, object]) -> dict[str, object]:
    event = entry["event"]
    assert isinstance(event, dict)
    return event


def test_a_batch_is_sent_whole_and_refused_whole(ledger: Ledger, visit: Opener) -> None:
    with visit() as served:
        with pytest.raises(SubmissionRefusedError, match="submission 2 of 2"):
            enter_with_a_stranger(served)
        assert ledger.refresh().size == 3
        receipts = submit(served, [release(BOB, "c"), release(BOB, "d")], BOB)
        assert [one.index for one in receipts] == [3, 4]


def enter_with_a_stranger(served: Ledger) -> None:
    stranger = KeySigner(PrivateKey.generate())
    items = [
        make_submission(release(one, "c").to_bytes(), served.origin, one) for one in (BOB, stranger)
    ]
    served.append(items, BundleVerifier())


@pytest.mark.parametrize(
    "lie",
    [
        lambda answer: answer.replace(b'"receipts":["', b'"receipts":["c2sp","'),
        lambda answer: json.dumps({**json.loads(answer), "receipts": []}).encode(),
        lambda _: b'["ok"]',
    ],
    ids=["one more", "none", "another form"],
)
def test_a_batch_that_is_not_answered_one_by_one_has_no_receipts(
    service: LedgerServiceSim, visit: Opener, lie: Callable[[bytes], bytes]
) -> None:
    service.lies["add-batch"] = lie
    with visit() as served, pytest.raises(NetworkError, match="did not answer with receipts"):
        submit(served, [release(BOB, "c"), release(BOB, "d")], BOB)


def test_receipts_of_a_batch_that_are_swapped_are_refused(
    service: LedgerServiceSim, visit: Opener
) -> None:
    def swapped(answer: bytes) -> bytes:
        fields = json.loads(answer)
        return json.dumps({**fields, "receipts": fields["receipts"][::-1]}).encode()

    service.lies["add-batch"] = swapped
    with visit() as served, pytest.raises(LedgerInconsistentError, match="another entry"):
        submit(served, [release(BOB, "c"), release(BOB, "d")], BOB)


def test_the_receipt_of_the_same_statement_by_somebody_else_is_refused(
    ledger: Ledger, service: LedgerServiceSim, visit: Opener
) -> None:
    """Kind and claim id are right; the signature in that entry is not the one that was sent."""
    (other,) = submit(ledger, [release(ALICE, "same")], ALICE)
    service.answers["/add"] = Answer(ledger.prove(other.index).text)
    with visit() as served, pytest.raises(LedgerInconsistentError, match="another signer"):
        submit(served, [release(BOB, "same")], BOB)


def test_a_claim_that_stands_there_in_other_bytes_of_its_signer_is_answered(
    ledger: Ledger, visit: Opener
) -> None:
    """ECDSA signs anew each time: the statement and its signer are what counts."""
    (first,) = submit(ledger, [release(BOB, "same")], BOB)
    with visit() as served:
        (again,) = submit(served, [release(BOB, "same")], BOB)
    assert again.index == first.index
    (ledger.path / "claims" / first.event.claim_sha256).unlink()
    with visit() as served, pytest.raises(ReadError, match="not there to be compared"):
        submit(served, [release(BOB, "same")], BOB)
