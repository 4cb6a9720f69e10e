"""What must not stay is erased, the log stays whole, and what decides who counts is never erased."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    PersonSim,
    admitted,
    enter,
    identity_of,
    make_ledger,
    release,
    roots_of,
)
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.errors import CallError, Exit, ReadError, SubmissionRefusedError
from weightmark.provenance.ledger.administration import (
    apply_proposal,
    copies_of,
    propose_policy,
    redact,
    sign_proposal,
)
from weightmark.provenance.ledger.admission import admit_operation
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.operations import (
    operation_text,
    peek_operation,
    sign_operation,
    verify_operation,
)


def claim_of(ledger: Ledger, index: int) -> str:
    return f"sha256:{ledger.entry(index).event.claim_sha256}"


def owner_of(ledger: Ledger) -> NoteSigner:
    return NoteSigner.parse((ledger.path / "recovery.key").read_text().strip())


def test_an_erased_claim_is_gone_and_the_log_is_whole(ledger: Ledger) -> None:
    (index,) = enter(ledger, ALICE, release(ALICE, "m"))
    subject, before = claim_of(ledger, index), ledger.entry(index)
    receipt = redact(ledger, subject, "asked for by its author")
    with pytest.raises(ReadError):
        ledger.claim(index)
    assert ledger.entry(index) == before
    assert (receipt.event.kind, receipt.event.subject) == (Kind.REDACT, subject)
    said = peek_operation(ledger.claim(receipt.index), Kind.REDACT)
    assert said["reason"] == "asked for by its author"
    audit = ledger.verify(BundleVerifier())
    assert audit.exit is Exit.GOOD
    assert audit.blobs[BlobState.REDACTED] == 1


def test_a_request_is_erased_as_a_claim_is(ledger: Ledger) -> None:
    (index,) = enter(ledger, ALICE, release(ALICE, "m"))
    redact(ledger, f"sha256:{ledger.entry(index).event.request_sha256}", "names a person")
    assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


def test_erasing_twice_is_once(ledger: Ledger) -> None:
    (index,) = enter(ledger, ALICE, release(ALICE, "m"))
    first = redact(ledger, claim_of(ledger, index), "asked for")
    again = redact(ledger, claim_of(ledger, index), "asked for again")
    assert first.index == again.index
    assert ledger.refresh().size == first.index + 1


def test_an_erased_claim_does_not_enter_again_as_something_new(ledger: Ledger) -> None:
    """Nor does its content come back by submitting it once more."""
    claim = release(ALICE, "m")
    (index,) = enter(ledger, ALICE, claim)
    redact(ledger, claim_of(ledger, index), "asked for")
    assert enter(ledger, ALICE, claim) == [index]
    with pytest.raises(ReadError):
        ledger.claim(index)


def anew(claim: Bundle) -> Bundle:
    """The same statement by the same signer, in other bytes."""
    fields = json.loads(claim.to_bytes())
    again = Bundle.parse(
        json.dumps({**fields, "mediaType": fields["mediaType"]}, indent=1).encode()
    )
    signed = ALICE.sign_statement(again.envelope.payload)
    assert signed.envelope.claim_id == claim.envelope.claim_id
    assert signed.to_bytes() != claim.to_bytes()
    return signed


def test_an_erased_claim_does_not_come_back_signed_anew(ledger: Ledger) -> None:
    """Its digest is another one then, but it says the same: neither as what it was nor as observed."""
    claim = release(ALICE, "m")
    (index,) = enter(ledger, ALICE, claim)
    redact(ledger, claim_of(ledger, index), "asked for")
    with pytest.raises(ReadError, match="not there to be compared"):
        enter(ledger, ALICE, anew(claim))
    for submitter in (ALICE, BOB):
        with pytest.raises(SubmissionRefusedError, match="was redacted"):
            enter(ledger, submitter, anew(claim), kind=Kind.OBSERVED)
    left = b"".join(one.read_bytes() for one in (ledger.path / "claims").iterdir())
    assert claim.envelope.payload not in left


def test_copies_in_other_bytes_are_named_to_whoever_erases(ledger: Ledger) -> None:
    claim = release(ALICE, "m")
    (first,) = enter(ledger, ALICE, claim)
    (second,) = enter(ledger, ALICE, anew(claim), kind=Kind.OBSERVED)
    assert [one.index for one in copies_of(ledger, claim_of(ledger, first))] == [second]
    redact(ledger, claim_of(ledger, first), "asked for")
    redact(ledger, claim_of(ledger, second), "asked for")
    assert copies_of(ledger, claim_of(ledger, first)) == ()
    assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


def test_a_redaction_that_names_no_claim_id_is_followed_all_the_same(ledger: Ledger) -> None:
    claim = release(ALICE, "m")
    (index,) = enter(ledger, ALICE, claim)
    log = ledger.home.read_signer(ledger.verifier)
    fields = {"at": "2026-01-01T00:00:00Z", "origin": ledger.origin, "reason": "r", "v": 1}
    text = operation_text(Kind.REDACT, {**fields, "subject": claim_of(ledger, index)})
    item = sign_operation(Kind.REDACT, log.sign(text), log, ledger.now())
    operation = verify_operation(item, Kind.REDACT, claim_of(ledger, index), log.verifier, ())
    ledger.record([admit_operation(operation)])
    with pytest.raises(SubmissionRefusedError, match="was redacted"):
        enter(ledger, ALICE, anew(claim), kind=Kind.OBSERVED)


def test_what_decides_who_counts_is_never_erased(ledger: Ledger) -> None:
    subject = RevocationSubject(identity_of("m"))
    revoked = revoke(ledger, ALICE, subject, "bad").index
    (lifted,) = reinstate(ledger, BOB, revocations_of(ledger, subject.text), "fine")
    (index,) = enter(ledger, ALICE, release(ALICE, "n"))
    redaction = redact(ledger, claim_of(ledger, index), "asked for").index
    size = ledger.refresh().size
    for kept in (0, revoked, lifted.index, redaction):
        event = ledger.entry(kept).event
        for digest in (event.claim_sha256, event.request_sha256):
            with pytest.raises(SubmissionRefusedError, match="never erased"):
                redact(ledger, f"sha256:{digest}", "please")
    assert ledger.refresh().size == size
    assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


@pytest.mark.parametrize("subject", ["sha256:" + "a" * 64, "salted:" + "a" * 64])
def test_what_the_ledger_does_not_hold_is_a_wrong_call(ledger: Ledger, subject: str) -> None:
    with pytest.raises(CallError):
        redact(ledger, subject, "please")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 5000])
def test_a_redaction_needs_a_reason(ledger: Ledger, reason: str) -> None:
    with pytest.raises(CallError, match="reason"):
        redact(ledger, "sha256:" + "a" * 64, reason)


def test_a_claim_that_vanished_without_an_entry_is_missing_not_redacted(ledger: Ledger) -> None:
    (index,) = enter(ledger, ALICE, release(ALICE, "m"))
    (ledger.path / "claims" / ledger.entry(index).event.claim_sha256).unlink()
    assert ledger.verify(BundleVerifier()).exit is Exit.UNCHECKED


def test_a_person_is_erased_once_admitted_no_longer(tmp_path: Path, sim: LoopbackSigstore) -> None:
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted(Kind.RELEASE)]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        (index,) = enter(ledger, person, release(person, "m"))
        name = ledger.entry(index).event.signer
        with pytest.raises(SubmissionRefusedError, match="still needed"):
            redact(ledger, name, "left")
        apply_proposal(
            ledger, sign_proposal(propose_policy(ledger, remove=[name]), owner_of(ledger))
        )
        for digest in (
            ledger.entry(index).event.claim_sha256,
            ledger.entry(index).event.request_sha256,
        ):
            redact(ledger, f"sha256:{digest}", "left")
        redact(ledger, name, "left")
        left = [path.read_bytes() for path in ledger.path.rglob("*") if path.is_file()]
        assert not [data for data in left if person.person.encode() in data]
        assert ledger.verify(BundleVerifier()).exit is Exit.GOOD


def test_a_person_who_vanished_without_an_entry_is_unchecked(
    tmp_path: Path, sim: LoopbackSigstore
) -> None:
    person = PersonSim(sim)
    parties = [admitted(ALICE), person.admitted(Kind.RELEASE)]
    with make_ledger(tmp_path / "l", parties, roots=roots_of(sim)) as ledger:
        (index,) = enter(ledger, person, release(person, "m"))
        ledger.home.private.erase(ledger.entry(index).event.signer)
        assert ledger.verify(BundleVerifier()).exit is Exit.UNCHECKED


def test_the_reason_is_signed(ledger: Ledger) -> None:
    (index,) = enter(ledger, ALICE, release(ALICE, "m"))
    receipt = redact(ledger, claim_of(ledger, index), "asked for")
    path = ledger.path / "claims" / receipt.event.claim_sha256
    edited = path.read_bytes().replace(b"asked for", b"no reason")
    assert hashlib.sha256(edited).hexdigest() != receipt.event.claim_sha256
    path.write_bytes(edited)
    assert ledger.verify(BundleVerifier()).exit is Exit.BAD
