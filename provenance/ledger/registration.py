"""Entry 0: the registration policy, signed by the log key and the recovery key.

Both its claim and its request are signed notes (docs/formats/ledger.md). The first line of either
is no origin followed by a size, so neither can be taken for a checkpoint.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from weightmark.errors import LedgerInconsistentError, MalformedError
from weightmark.provenance.ledger.admission import RegistrationPolicy, Submission, Submitter
from weightmark.provenance.ledger.event import KINDS, Event, Kind, format_time
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, open_note
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["Founding", "found", "read_founding"]

_POLICY_HEADER = b"weightmark-ledger-policy/v1\n"
_REQUEST_HEADER = b"weightmark-ledger-request/v1\n"
_SIGNERS = 2


@dataclass(frozen=True, slots=True)
class Founding:
    """What becomes entry 0."""

    policy: RegistrationPolicy
    """who may write"""
    submission: Submission
    """the signed policy and the signed request to record it"""
    event: Event
    """the leaf"""


def found(
    log: NoteSigner, recovery: NoteSigner, submitters: Sequence[Submitter], now: datetime
) -> Founding:
    """Make entry 0 of a new log. Raises `MalformedError` when a key is admitted twice."""
    ordered = tuple(sorted(submitters, key=lambda one: one.fingerprint))
    if len({one.fingerprint for one in ordered}) != len(ordered):
        raise MalformedError("a submitter is admitted twice")
    policy = RegistrationPolicy(log.name, log.verifier.vkey, recovery.verifier.vkey, ordered)
    claim_text = _POLICY_HEADER + canonical_json(_policy_fields(policy)) + b"\n"
    claim = _sign(claim_text, log, recovery)
    fields = {
        "claim_id": hashlib.sha256(claim_text).hexdigest(),
        "claim_sha256": hashlib.sha256(claim).hexdigest(),
        "event_id": "founding",
        "kind": Kind.POLICY.value,
        "not_after": format_time(now),
        "origin": log.name,
    }
    request = _sign(_REQUEST_HEADER + canonical_json(fields) + b"\n", log, recovery)
    return Founding(policy, Submission(claim, request), _event(fields, request, log.verifier, now))


def read_founding(
    event: Event, claim: bytes, request: bytes, verifier: NoteVerifier
) -> RegistrationPolicy:
    """Read entry 0 and check all that it promises.

    Raises `LedgerInconsistentError` when event, claim and request do not belong together,
    `WrongSignerError`, `TamperedError` or `MalformedError` when a signature is missing or bad.
    """
    text, fields = _open(claim, _POLICY_HEADER, [verifier])
    policy = _policy_from(fields)
    keys = [verifier, NoteVerifier.parse(policy.recovery_vkey)]
    asked = _open(request, _REQUEST_HEADER, keys)[1]
    if len(set(open_note(claim, keys).signers)) != _SIGNERS:
        raise LedgerInconsistentError("the registration policy is not signed by the recovery key")
    if policy.origin != verifier.name or policy.log_vkey != verifier.vkey:
        raise LedgerInconsistentError("the registration policy is of another log")
    expected = {
        "claim_id": hashlib.sha256(text).hexdigest(),
        "claim_sha256": hashlib.sha256(claim).hexdigest(),
        "event_id": event.event_id,
        "kind": Kind.POLICY.value,
        "not_after": asked.get("not_after"),
        "origin": verifier.name,
    }
    recorded = (event.kind, event.claim_id, event.claim_sha256, event.origin, event.request_sha256)
    promised = (
        Kind.POLICY,
        expected["claim_id"],
        expected["claim_sha256"],
        verifier.name,
        hashlib.sha256(request).hexdigest(),
    )
    if asked != expected or recorded != promised:
        raise LedgerInconsistentError("entry 0 does not match the registration policy")
    return policy


def _event(fields: dict[str, str], request: bytes, log: NoteVerifier, now: datetime) -> Event:
    return Event(
        kind=Kind.POLICY,
        origin=fields["origin"],
        event_id=fields["event_id"],
        claim_id=fields["claim_id"],
        claim_sha256=fields["claim_sha256"],
        request_sha256=hashlib.sha256(request).hexdigest(),
        subject="",
        signer=log.fingerprint,
        submitter=log.fingerprint,
        at=format_time(now),
    )


def _sign(text: bytes, log: NoteSigner, recovery: NoteSigner) -> bytes:
    return log.sign(text) + recovery.line(text)


def _open(note: bytes, header: bytes, keys: Sequence[NoteVerifier]) -> tuple[bytes, dict[str, Any]]:
    text = open_note(note, keys).text
    if not text.startswith(header):
        raise MalformedError("entry 0 does not hold a registration policy")
    body = text.removeprefix(header)[:-1]
    fields = parse_object(body, what="the registration policy")
    if canonical_json(fields) != body:
        raise MalformedError("the registration policy is not canonical JSON")
    return text, fields


def _policy_fields(policy: RegistrationPolicy) -> dict[str, object]:
    return {
        "log": policy.log_vkey,
        "origin": policy.origin,
        "recovery": policy.recovery_vkey,
        "submitters": [
            {"key": one.public_key.decode(), "kinds": sorted(kind.value for kind in one.kinds)}
            for one in policy.submitters
        ],
        "v": 1,
    }


def _policy_from(fields: dict[str, Any]) -> RegistrationPolicy:
    try:
        submitters = tuple(_submitter_from(one) for one in fields["submitters"])
        policy = RegistrationPolicy(
            str(fields["origin"]), str(fields["log"]), str(fields["recovery"]), submitters
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError("the registration policy lacks a field or has a wrong type") from error
    if _policy_fields(policy) != fields:
        raise MalformedError("the registration policy has unknown or unordered fields")
    return policy


def _submitter_from(fields: dict[str, Any]) -> Submitter:
    kinds = fields["kinds"]
    if not KINDS.issuperset(kinds):
        raise MalformedError("the registration policy names an unknown kind")
    return Submitter.from_pem(fields["key"].encode(), frozenset(Kind(kind) for kind in kinds))
