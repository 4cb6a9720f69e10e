"""What a ledger promises: admission, idempotency, receipts, lists, and what it refuses."""

import hashlib
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import (
    NOW,
    ORIGIN,
    ClaimVerifierSim,
    SubmitterSim,
    subject_of,
)
from weightmark.errors import (
    CallError,
    Exit,
    LedgerInconsistentError,
    MalformedError,
    SubmissionRefusedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import (
    RegistrationPolicy,
    Submission,
    Submitter,
    VerifiedRequest,
)
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Kind, parse_event
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
from weightmark.provenance.ledger.proof import verify_receipt

JUDGE = ClaimVerifierSim()


def refused(ledger: Ledger, submission: Submission, match: str) -> None:
    before = ledger.refresh()
    blobs = set((ledger.path / "claims").iterdir())
    with pytest.raises(SubmissionRefusedError, match=match):
        ledger.append([submission], JUDGE)
    assert ledger.refresh() == before
    assert set((ledger.path / "claims").iterdir()) == blobs


# --- a new ledger ---------------------------------------------------------------------------------


def test_a_new_ledger_has_its_policy_as_entry_0(ledger: Ledger, alice: SubmitterSim) -> None:
    policy = ledger.policy()
    assert ledger.entry(0).event.kind == Kind.POLICY
    assert policy.submitters == (alice.admitted,)
    assert (policy.origin, policy.log_vkey) == (ORIGIN, ledger.vkey)
    assert ledger.verify(JUDGE).problems == ()


def test_private_keys_are_for_the_owner_only(ledger: Ledger) -> None:
    for name in ("log.key", "recovery.key"):
        path = ledger.path / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert NoteSigner.parse(path.read_text().strip()).name.startswith(ORIGIN)
    assert (ledger.path / "log.vkey").read_text() == f"{ledger.vkey}\n"


def test_an_origin_is_made_up_when_none_is_given(tmp_path: Path, memory: CheckpointMemory) -> None:
    origins = {Ledger.create(tmp_path / str(number), memory=memory).origin for number in range(3)}
    assert len(origins) == 3
    assert all(origin.startswith("weightmark.local/") for origin in origins)


@pytest.mark.parametrize("what", ["file", "folder", "ledger", "link"])
def test_a_ledger_is_never_made_over_something(
    ledger: Ledger, tmp_path: Path, memory: CheckpointMemory, what: str
) -> None:
    target = ledger.path if what == "ledger" else tmp_path / what
    if what == "file":
        target.write_text("mine")
    elif what == "folder":
        target.mkdir()
        (target / "mine").write_text("mine")
    elif what == "link":
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(CallError, match="not an empty folder"):
        Ledger.create(target, memory=memory)
    assert not list(tmp_path.glob(".*tmp"))


def test_an_empty_folder_becomes_a_ledger(tmp_path: Path, memory: CheckpointMemory) -> None:
    (tmp_path / "empty").mkdir()
    with Ledger.create(tmp_path / "empty", memory=memory) as made:
        assert made.refresh().size == 1


def test_a_folder_without_a_ledger_is_a_wrong_call(
    tmp_path: Path, memory: CheckpointMemory
) -> None:
    with pytest.raises(CallError, match="no ledger"):
        Ledger.open(tmp_path / "nothing", memory=memory)
    with pytest.raises(CallError, match="no ledger"):
        Ledger.open(tmp_path, memory=memory)


def test_a_key_admitted_twice_and_no_key_at_all_are_refused(
    tmp_path: Path, alice: SubmitterSim, memory: CheckpointMemory
) -> None:
    with pytest.raises(MalformedError, match="twice"):
        Ledger.create(tmp_path / "x", submitters=[alice.admitted] * 2, memory=memory)
    with pytest.raises(MalformedError, match="PEM"):
        Submitter.from_pem(b"no key")


# --- append ---------------------------------------------------------------------------------------


def test_an_append_gives_receipts_that_verify_offline(ledger: Ledger, alice: SubmitterSim) -> None:
    first, second = ledger.append([alice.submit("a"), alice.submit("b", "scan")], JUDGE)
    verified = verify_receipt(second.text, NoteVerifier.parse(ledger.vkey))
    assert (first.index, second.index, verified.index) == (1, 2, 2)
    assert verified.event == second.event == ledger.entry(2).event
    assert verified.event.subject == subject_of("b")
    assert verified.event.kind == Kind.SCAN
    assert verified.event.at == "2026-11-21T12:00:00Z"
    assert (verified.checkpoint.origin, verified.checkpoint.size) == (ORIGIN, 3)


def test_claim_and_request_are_kept_as_they_came(ledger: Ledger, alice: SubmitterSim) -> None:
    submission = alice.submit("a")
    (receipt,) = ledger.append([submission], JUDGE)
    assert ledger.claim(1) == submission.claim
    assert ledger.request(1) == submission.request
    assert receipt.event.claim_sha256 == hashlib.sha256(submission.claim).hexdigest()


def test_the_same_event_again_gets_its_old_index(ledger: Ledger, alice: SubmitterSim) -> None:
    batch = [alice.submit("a"), alice.submit("b")]
    assert [one.index for one in ledger.append(batch, JUDGE)] == [1, 2]
    again = ledger.append([*batch[::-1], alice.submit("c"), batch[0]], JUDGE)
    assert [one.index for one in again] == [2, 1, 3, 1]
    assert ledger.refresh().size == 4


def test_a_retry_after_the_request_expired_still_gets_its_receipt(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    (first,) = ledger.append([alice.submit("a")], JUDGE)
    (again,) = ledger.append([alice.submit("a")], JUDGE, now=NOW + timedelta(days=1))
    assert again.index == first.index


def test_a_claim_enters_once_per_kind_for_ever(ledger: Ledger, alice: SubmitterSim) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    refused(ledger, alice.submit("a", event_id="another"), "stands in the ledger as entry 1")
    (observed,) = ledger.append(
        [alice.but(overrides={"kind": "observed"}).submit("a", event_id="third")], JUDGE
    )
    assert (observed.index, observed.event.kind) == (2, Kind.OBSERVED)


def test_a_rewritten_signature_does_not_make_a_claim_new(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    twin = alice.claim("a", envelope="2")
    refused(ledger, alice.submit("a", claim=twin, event_id="another"), "as entry 1")


def test_an_event_id_is_used_once(ledger: Ledger, alice: SubmitterSim) -> None:
    ledger.append([alice.submit("a", event_id="x")], JUDGE)
    refused(ledger, alice.submit("b", event_id="x"), "belongs to entry 1")


def test_two_submitters_do_not_share_event_ids(tmp_path: Path, memory: CheckpointMemory) -> None:
    alice, bob = SubmitterSim(1), SubmitterSim(2)
    keys = [alice.admitted, bob.admitted]
    with Ledger.create(
        tmp_path / "l", origin=ORIGIN, submitters=keys, memory=memory, clock=lambda: NOW
    ) as shared:
        batch = [alice.submit("a", event_id="x"), bob.submit("b", event_id="x")]
        assert [one.index for one in shared.append(batch, JUDGE)] == [1, 2]


def test_a_batch_is_all_or_none_and_names_the_bad_one(ledger: Ledger, alice: SubmitterSim) -> None:
    batch = [alice.submit("a"), alice.but(origin="example.com/other").submit("b")]
    with pytest.raises(SubmissionRefusedError, match="submission 2 of 2"):
        ledger.append(batch, JUDGE)
    assert ledger.refresh().size == 1


def test_a_claim_doubled_inside_a_batch_is_refused_whole(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    with pytest.raises(SubmissionRefusedError, match="submission 2 of 2"):
        ledger.append([alice.submit("a"), alice.submit("a", event_id="other")], JUDGE)
    assert ledger.refresh().size == 1


def test_an_empty_batch_changes_nothing(ledger: Ledger) -> None:
    assert ledger.append([], JUDGE) == ()


# --- refused submissions --------------------------------------------------------------------------


def test_a_submission_for_another_log_is_refused(ledger: Ledger, alice: SubmitterSim) -> None:
    refused(ledger, alice.but(origin="example.com/other").submit("a"), "is for the log")


def test_an_expired_request_is_refused(ledger: Ledger, alice: SubmitterSim) -> None:
    refused(ledger, alice.but(now=NOW - timedelta(minutes=10)).submit("a"), "expired at")


def test_an_unknown_submitter_is_refused_even_as_observer(ledger: Ledger) -> None:
    mallory = SubmitterSim(seed=9)
    refused(ledger, mallory.submit("a"), "no admitted submitter")
    observer = mallory.but(overrides={"kind": "observed"})
    refused(ledger, observer.submit("a"), "no admitted submitter")


def test_a_verifier_that_vouches_for_an_unknown_key_is_not_enough(ledger: Ledger) -> None:
    mallory = SubmitterSim(seed=9)

    class Gullible(ClaimVerifierSim):
        def verify_request(self, request: bytes, policy: RegistrationPolicy) -> VerifiedRequest:
            wider = replace(policy, submitters=(*policy.submitters, mallory.admitted))
            return super().verify_request(request, wider)

    with pytest.raises(SubmissionRefusedError, match="is not admitted"):
        ledger.append([mallory.submit("a")], Gullible())


def test_a_submitter_without_the_role_may_only_observe(
    tmp_path: Path, memory: CheckpointMemory
) -> None:
    scanner = SubmitterSim(kinds=frozenset({Kind.SCAN}))
    with Ledger.create(
        tmp_path / "l",
        origin=ORIGIN,
        submitters=[scanner.admitted],
        memory=memory,
        clock=lambda: NOW,
    ) as made:
        refused(made, scanner.submit("a", "release"), "may not write entries of kind `release`")
        lowered = scanner.but(overrides={"kind": "observed"}).submit("a", "release")
        assert [one.index for one in made.append([scanner.submit("a", "scan")], JUDGE)] == [1]
        assert [one.index for one in made.append([lowered], JUDGE)] == [2]


def test_a_kind_is_never_raised(ledger: Ledger, alice: SubmitterSim) -> None:
    approve = alice.but(overrides={"kind": "approve"})
    refused(ledger, approve.submit("a", "scan"), "is of kind `scan`")
    refused(ledger, alice.but(overrides={"kind": "nonsense"}).submit("a"), "no kind of entry")


def test_the_kinds_of_the_log_itself_are_not_for_submitters(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    for kind in ("policy", "key", "redact", "witness"):
        refused(ledger, alice.submit("a", kind), "own operations only")


def test_a_request_for_another_claim_is_refused(ledger: Ledger, alice: SubmitterSim) -> None:
    mixed = Submission(alice.claim("b"), alice.submit("a").request)
    refused(ledger, mixed, "for another claim")
    refused(ledger, alice.but(overrides={"claim_id": "0" * 64}).submit("a"), "for another claim")


def test_an_edited_request_is_refused(ledger: Ledger, alice: SubmitterSim) -> None:
    submission = alice.submit("a")
    edited = submission.request.replace(b"release", b"approve", 1)
    refused(ledger, Submission(submission.claim, edited), "no admitted submitter")


def test_an_oversized_submission_is_refused(ledger: Ledger, alice: SubmitterSim) -> None:
    good = alice.submit("a")
    refused(ledger, Submission(b" " * (64 * 1024 * 1024 + 1), good.request), "over")
    refused(ledger, Submission(good.claim, b" " * (1024 * 1024 + 1)), "over")


# --- reading --------------------------------------------------------------------------------------


def test_entries_are_listed_in_order_and_by_page(ledger: Ledger, alice: SubmitterSim) -> None:
    ledger.append([alice.submit(str(number)) for number in range(5)], JUDGE)
    assert [one.index for one in ledger.entries()] == [0, 1, 2, 3, 4, 5]
    assert [one.index for one in ledger.entries(2, 3)] == [2, 3, 4]
    assert ledger.entries(6) == ()
    for logged in ledger.entries():
        assert parse_event(logged.body) == logged.event


@pytest.mark.parametrize("index", [-1, 1, 10**9])
def test_an_entry_that_does_not_exist_is_a_wrong_call(ledger: Ledger, index: int) -> None:
    with pytest.raises(CallError, match="there is no entry"):
        ledger.entry(index)
    with pytest.raises(CallError, match="there is no entry"):
        ledger.prove(index)


def test_entries_are_found_by_subject_and_kind(ledger: Ledger, alice: SubmitterSim) -> None:
    ledger.append([alice.submit("a"), alice.submit("b"), alice.submit("a", "scan")], JUDGE)
    assert [one.index for one in ledger.find(subject=subject_of("a"))] == [1, 3]
    assert [one.index for one in ledger.find(subject=subject_of("a"), kind=Kind.SCAN)] == [3]
    assert [one.index for one in ledger.find(kind=Kind.RELEASE)] == [1, 2]
    assert [one.index for one in ledger.find(kind=Kind.RELEASE, start=2)] == [2]
    assert ledger.find(subject=subject_of("c")) == ()


def test_a_pinned_key_must_be_the_ledgers(ledger: Ledger, memory: CheckpointMemory) -> None:
    Ledger.open(ledger.path, vkey=ledger.vkey, memory=memory).close()
    other = NoteSigner.generate(ORIGIN).verifier.vkey
    with pytest.raises(WrongSignerError, match="another key"):
        Ledger.open(ledger.path, vkey=other, memory=memory)


def test_an_old_receipt_stays_good_after_the_log_grew(ledger: Ledger, alice: SubmitterSim) -> None:
    (old,) = ledger.append([alice.submit("a")], JUDGE)
    ledger.append([alice.submit(f"more-{number}") for number in range(300)], JUDGE)
    assert verify_receipt(old.text, ledger.verifier).checkpoint.size == 2
    assert verify_receipt(ledger.prove(1).text, ledger.verifier).checkpoint.size == 302
    assert ledger.verify(JUDGE).exit == Exit.GOOD


def test_the_view_follows_over_full_tiles_and_drops_outgrown_partials(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    for size in (254, 1, 1, 2, 300):
        start = ledger.refresh().size
        ledger.append([alice.submit(str(start + one)) for one in range(size)], JUDGE)
        assert ledger.verify(JUDGE).problems == ()
    names = {str(one.relative_to(ledger.path / "tiles")) for one in ledger.path.glob("tiles/**/*")}
    assert {"tile/0/000", "tile/entries/000", "tile/0/001", "tile/1/000.p/2"} <= names
    assert "tile/0/000.p" not in names
    assert "tile/entries/001.p" not in names


def test_a_view_that_was_lost_is_rebuilt(ledger: Ledger, alice: SubmitterSim) -> None:
    import shutil

    ledger.append([alice.submit(str(number)) for number in range(300)], JUDGE)
    shutil.rmtree(ledger.path / "tiles")
    assert "nothing is published" in ledger.verify().problems[0].what
    ledger.publish(rebuild=True)
    assert ledger.verify().problems == ()


def test_a_view_that_is_behind_is_caught_up_by_the_next_append(
    ledger: Ledger, alice: SubmitterSim
) -> None:
    old = (ledger.path / "tiles/checkpoint").read_bytes()
    ledger.append([alice.submit("a")], JUDGE)
    (ledger.path / "tiles/checkpoint").write_bytes(old)
    assert ledger.verify().published == 1
    assert ledger.verify().exit == Exit.GOOD
    ledger.append([alice.submit("b")], JUDGE)
    assert ledger.verify().published == 3


def test_the_audit_counts_blobs(ledger: Ledger, alice: SubmitterSim) -> None:
    ledger.append([alice.submit("a")], JUDGE)
    audit = ledger.verify(JUDGE)
    assert audit.blobs == {BlobState.PRESENT: 4}
    assert audit.signatures_checked
    assert audit.problems == ()


def test_what_a_ledger_raises_for_a_foreign_origin_seen_before(
    ledger: Ledger, tmp_path: Path, memory: CheckpointMemory
) -> None:
    with pytest.raises(LedgerInconsistentError, match="another ledger of the origin"):
        Ledger.create(tmp_path / "second", origin=ledger.origin, memory=memory)
    assert not (tmp_path / "second").exists()
