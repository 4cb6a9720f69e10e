"""What stands in one commit: nobody writes after a revocation, and what is known needs no role."""

from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    CAROL,
    ORIGIN,
    admitted,
    enter,
    identity_of,
    make_ledger,
    release,
    state,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.submission import BundleVerifier, make_submission
from weightmark.attestations.predicates.revocation import RevocationClaim, RevocationSubject
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.signers.key import KeySigner
from weightmark.errors import SubmissionRefusedError
from weightmark.provenance.ledger.admission import Admitted, Submission, admit
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

JUDGE = BundleVerifier()


def revoking(signer: KeySigner, subject: str) -> Bundle:
    claim = RevocationClaim(RevocationSubject(subject), "stolen")
    return signer.sign_statement(claim.to_statement())


def submitted(signer: KeySigner, claim: Bundle) -> Submission:
    return make_submission(claim.to_bytes(), ORIGIN, signer)


def judged(ledger: Ledger, signer: KeySigner, claim: Bundle) -> Admitted:
    return admit(ledger.policy(), submitted(signer, claim), JUDGE, if_known=True)


def test_a_key_that_is_revoked_writes_nothing_in_the_same_batch(ledger: Ledger) -> None:
    batch = [
        submitted(ALICE, revoking(ALICE, BOB.public.identity)),
        submitted(BOB, release(BOB, "m")),
    ]
    with pytest.raises(SubmissionRefusedError, match="ends with its revocations"):
        ledger.append(batch, JUDGE)
    assert ledger.refresh().size == 1, "neither is entered"
    assert len(ledger.append(batch[::-1], JUDGE)) == 2, "what comes before is in time"


def test_a_key_that_revokes_itself_writes_nothing_in_the_same_batch(ledger: Ledger) -> None:
    batch = [
        submitted(CAROL, revoking(CAROL, CAROL.public.identity)),
        submitted(CAROL, release(CAROL, "m")),
    ]
    with pytest.raises(SubmissionRefusedError, match="ends with its revocations"):
        ledger.append(batch, JUDGE)


def test_a_key_that_is_revoked_writes_nothing_in_the_same_commit(ledger: Ledger) -> None:
    """A service commits together what waits: who may write is read anew after a revocation."""
    groups = [
        [judged(ledger, BOB, release(BOB, "before"))],
        [judged(ledger, ALICE, revoking(ALICE, BOB.public.identity))],
        [judged(ledger, BOB, release(BOB, "after"))],
        [judged(ledger, CAROL, release(CAROL, "other"))],
    ]
    before, revoked, after, other = ledger.record_groups(groups, silencer=JUDGE.silenced).outcomes
    assert (before, revoked, other) == ((1,), (2,), (3,))
    assert isinstance(after, SubmissionRefusedError)
    assert "revoked at #2" in after.what


def test_several_revocations_by_one_hand_go_into_one_batch(ledger: Ledger) -> None:
    subjects = (BOB.public.identity, CAROL.public.identity, identity_of("m"))
    batch = [submitted(ALICE, revoking(ALICE, one)) for one in subjects]
    assert [one.index for one in ledger.append(batch, JUDGE)] == [1, 2, 3]


def test_claims_that_stand_there_are_known_to_a_submitter_without_their_kind(
    tmp_path: Path,
) -> None:
    """A pipeline that may enter scans hands in the whole file: the release in it is there already."""
    parties = [admitted(ALICE), admitted(CAROL, Kind.SCAN)]
    scanned = ScanClaim("weightmark", "sha256:" + "0" * 64, "clean", "high", ()).to_predicate()
    scan = state(CAROL, identity_of("m"), SCAN_PREDICATE, scanned)
    known, unknown = release(ALICE, "m"), release(ALICE, "n")
    with make_ledger(tmp_path / "l", parties) as made:
        assert enter(made, ALICE, known) == [1]
        assert enter(made, CAROL, known, scan) == [1, 2]
        with pytest.raises(SubmissionRefusedError, match="may not write entries") as told:
            enter(made, CAROL, unknown)
        assert "--line N" in told.value.fix
        with pytest.raises(SubmissionRefusedError, match="may not write entries"):
            admit(made.policy(), submitted(CAROL, known), JUDGE)
        assert made.refresh().size == 3
