"""What the log itself enters: notes that are read strictly and never taken for anything else."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import (
    LedgerInconsistentError,
    LimitError,
    MalformedError,
    TamperedError,
    UnsupportedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import Submission, admit_operation
from weightmark.provenance.ledger.checkpoint import parse_checkpoint
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.note import NoteSigner, split_note
from weightmark.provenance.ledger.operations import (
    VerifiedOperation,
    operation_text,
    peek_operation,
    read_operation,
    sign_operation,
    verify_operation,
)

LOG = NoteSigner("example.com/models", bytes([1]) * 32)
RECOVERY = NoteSigner("example.com/models/recovery", bytes([2]) * 32)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUBJECT = "sha256:" + "a" * 64


def submission(kind: Kind = Kind.REDACT, *others: NoteSigner) -> Submission:
    text = operation_text(kind, {"reason": "asked", "v": 1})
    claim = LOG.sign(text) + b"".join(one.line(text) for one in others)
    return sign_operation(kind, claim, LOG, NOW)


def verified(one: Submission, kind: Kind = Kind.REDACT, *required: NoteSigner) -> VerifiedOperation:
    keys = [signer.verifier for signer in required]
    return verify_operation(one, kind, SUBJECT, LOG.verifier, keys)


def test_an_operation_becomes_an_entry_of_the_log() -> None:
    event = admit_operation(verified(submission())).event(NOW)
    assert (event.kind, event.subject, event.signer) == (
        Kind.REDACT,
        SUBJECT,
        LOG.verifier.fingerprint,
    )


def test_only_verifying_makes_a_verified_operation() -> None:
    real = verified(submission())
    with pytest.raises(TypeError):
        VerifiedOperation(real.submission, {}, (), real.request, real.claim, object())


def test_an_operation_of_one_kind_is_none_of_another() -> None:
    one = submission(Kind.REDACT)
    for kind in (Kind.POLICY, Kind.KEY, Kind.WITNESS):
        with pytest.raises(MalformedError):
            verified(one, kind)
    with pytest.raises(MalformedError, match="no operation of a log"):
        verified(one, Kind.RELEASE)


def test_no_operation_is_a_checkpoint() -> None:
    one = submission()
    for note in (one.claim, one.request):
        with pytest.raises(MalformedError):
            parse_checkpoint(split_note(note)[0])


def test_every_key_that_is_required_must_have_signed() -> None:
    with pytest.raises(LedgerInconsistentError, match="not signed by"):
        verified(submission(), Kind.REDACT, RECOVERY)
    verified(submission(Kind.REDACT, RECOVERY), Kind.REDACT, RECOVERY)
    stranger = NoteSigner(RECOVERY.name, bytes([3]) * 32)
    with pytest.raises(LedgerInconsistentError, match="not signed by"):
        verified(submission(Kind.REDACT, stranger), Kind.REDACT, RECOVERY)


def test_the_request_belongs_to_the_claim() -> None:
    one = submission()
    other_text = operation_text(Kind.REDACT, {"reason": "another", "v": 1})
    other = sign_operation(Kind.REDACT, LOG.sign(other_text), LOG, NOW)
    with pytest.raises(LedgerInconsistentError, match="something else"):
        verified(Submission(one.claim, other.request))


def test_a_log_key_of_another_log_signs_nothing_here() -> None:
    other = NoteSigner("example.com/others", LOG.seed)
    text = operation_text(Kind.REDACT, {"reason": "asked", "v": 1})
    with pytest.raises(WrongSignerError):
        verified(sign_operation(Kind.REDACT, other.sign(text), other, NOW))


def test_text_that_is_not_canonical_is_refused() -> None:
    for body in (b'{"v":1,"reason":"asked"}', b'{"reason": "asked","v":1}', b"[]", b""):
        text = b"weightmark-ledger-redact/v1\n" + body + b"\n"
        with pytest.raises(MalformedError):
            read_operation(LOG.sign(text), Kind.REDACT, [LOG.verifier])


def test_an_edited_operation_is_tampered() -> None:
    one = submission()
    with pytest.raises(TamperedError):
        verified(Submission(one.claim.replace(b"asked", b"other"), one.request))


@given(st.binary(max_size=300))
def test_whatever_is_handed_in_is_refused_with_words(data: bytes) -> None:
    for read in (
        lambda: peek_operation(data, Kind.REDACT),
        lambda: read_operation(data, Kind.REDACT, [LOG.verifier]),
        lambda: verified(Submission(data, data)),
        lambda: peek_operation(b"weightmark-ledger-redact/v1\n" + data + b"\n\n", Kind.REDACT),
    ):
        with pytest.raises(
            (MalformedError, LimitError, WrongSignerError, TamperedError, UnsupportedError)
        ):
            read()
