"""What the log itself enters: claims and requests that are signed notes (docs/formats/ledger.md).

The first line of either names its format. It is no origin followed by a size, so neither can be taken
for a checkpoint, nor one kind of operation for another.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from weightmark.errors import LedgerInconsistentError, MalformedError
from weightmark.provenance.ledger.admission import (
    LOG_KINDS,
    Submission,
    VerifiedClaim,
    VerifiedRequest,
)
from weightmark.provenance.ledger.event import Kind, format_time, parse_time
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, open_note
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = [
    "MAX_OPERATION_SIZE",
    "VerifiedOperation",
    "operation_text",
    "peek_operation",
    "read_operation",
    "sign_operation",
    "verify_operation",
]

MAX_OPERATION_SIZE = 4 * 1024 * 1024
"""bytes of a claim by the log itself: entry 0 of a successor says which claims told of descent before"""
_PREFIX = b"weightmark-ledger-"
_REQUEST_HEADER = b"weightmark-ledger-request/v1\n"
_REQUEST_FIELDS = ("claim_id", "claim_sha256", "event_id", "kind", "not_after", "origin")
_VALIDITY = timedelta(minutes=10)
_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedOperation:
    """An operation of the log whose every signature was checked; only `verify_operation` makes it."""

    submission: Submission
    """claim and request, as bytes"""
    fields: dict[str, Any]
    """what the claim says"""
    signers: tuple[NoteVerifier, ...]
    """who signed the claim"""
    request: VerifiedRequest
    """what is asked for, by the log key"""
    claim: VerifiedClaim
    """what the claim is"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `verify_operation` makes a VerifiedOperation")


def operation_text(kind: Kind, fields: dict[str, Any]) -> bytes:
    """Return what the claim of an operation signs."""
    return b"%s%s/v1\n%s\n" % (_PREFIX, kind.value.encode(), canonical_json(fields))


def sign_operation(
    kind: Kind,
    claim: bytes,
    log: NoteSigner,
    now: datetime,
    *,
    event_id: str = "",
    others: Iterable[NoteSigner] = (),
) -> Submission:
    """Sign the request to enter `claim`, a signed note; `others` sign the request beside the log key."""
    text = _text_of(claim, kind)
    claim_id = hashlib.sha256(text).hexdigest()
    fields = {
        "claim_id": claim_id,
        "claim_sha256": hashlib.sha256(claim).hexdigest(),
        "event_id": event_id or claim_id,
        "kind": kind.value,
        "not_after": format_time(now + _VALIDITY),
        "origin": log.name,
    }
    request = _REQUEST_HEADER + canonical_json(fields) + b"\n"
    signed = log.sign(request) + b"".join(one.line(request) for one in others)
    return Submission(claim, signed)


def read_operation(claim: bytes, kind: Kind, keys: Sequence[NoteVerifier]) -> dict[str, Any]:
    """Read what a claim says, once any of `keys` is proven to have signed it.

    Raises `MalformedError`, `WrongSignerError` or `TamperedError`.
    """
    text = open_note(claim, keys, max_size=MAX_OPERATION_SIZE).text
    return _fields(text, b"%s%s/v1\n" % (_PREFIX, kind.value.encode()), f"the {kind} operation")


def peek_operation(claim: bytes, kind: Kind) -> dict[str, Any]:
    """Read what a claim says without checking who signed it: reading proves nothing. Raises `MalformedError`."""
    return _fields(
        _text_of(claim, kind),
        b"%s%s/v1\n" % (_PREFIX, kind.value.encode()),
        f"the {kind} operation",
    )


def verify_operation(
    submission: Submission,
    kind: Kind,
    subject: str,
    log: NoteVerifier,
    required: Sequence[NoteVerifier],
) -> VerifiedOperation:
    """Check that the log key and all that are `required` signed the claim, and the log key the request.

    `subject` is what the entry will be about. Raises `LedgerInconsistentError` when claim and request
    do not belong together, `WrongSignerError` or `TamperedError` for signatures, `MalformedError`.
    """
    if kind not in LOG_KINDS:
        raise MalformedError(f"`{kind}` is no operation of a log")
    keys = tuple(dict.fromkeys((log, *required)))
    fields = read_operation(submission.claim, kind, keys)
    signers = open_note(submission.claim, keys, max_size=MAX_OPERATION_SIZE).signers
    if {*keys} - {*signers}:
        absent = next(one for one in keys if one not in signers)
        raise LedgerInconsistentError(f"the {kind} operation is not signed by `{absent.name}`")
    text = _text_of(submission.claim, kind)
    asked = _fields(
        open_note(submission.request, [log]).text, _REQUEST_HEADER, "the request of the log"
    )
    request = _request(asked, log)
    found = (request.origin, request.kind, request.claim_id, request.claim_sha256)
    digest = hashlib.sha256(submission.claim).hexdigest()
    claim_id = hashlib.sha256(text).hexdigest()
    if found != (log.name, kind.value, claim_id, digest):
        raise LedgerInconsistentError(f"the request of the {kind} operation is for something else")
    claim = VerifiedClaim(claim_id, kind.value, subject, log.fingerprint)
    return VerifiedOperation(submission, fields, signers, request, claim, _SEAL)


def _request(fields: dict[str, Any], log: NoteVerifier) -> VerifiedRequest:
    if fields.keys() != {*_REQUEST_FIELDS} or not all(
        isinstance(one, str) for one in fields.values()
    ):
        raise MalformedError("the request of the log lacks a field or has a wrong type")
    not_after = parse_time(fields["not_after"])
    return VerifiedRequest(**{**fields, "not_after": not_after}, submitter=log.fingerprint)


def _text_of(note: bytes, kind: Kind) -> bytes:
    text, blank, _ = note.rpartition(b"\n\n")
    if not blank or not text.startswith(b"%s%s/v1\n" % (_PREFIX, kind.value.encode())):
        raise MalformedError(f"the claim is no {kind} operation of a log")
    return text + b"\n"


def _fields(text: bytes, header: bytes, what: str) -> dict[str, Any]:
    if not text.startswith(header):
        raise MalformedError(f"{what} is something else")
    body = text.removeprefix(header)[:-1]
    fields = parse_object(body, what=what)
    if canonical_json(fields) != body:
        raise MalformedError(f"{what} is not canonical JSON")
    return fields
