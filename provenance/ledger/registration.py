"""The registration policy: entry 0, and the entries of kind `policy` by which the owners change it.

Its claims are signed notes (docs/formats/ledger.md): entry 0 by the log key and the recovery key, every
later one by the log key and as many owners as the policy before it asks for.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from weightmark.errors import (
    LedgerInconsistentError,
    MalformedError,
    SubmissionRefusedError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import (
    Admitted,
    Owners,
    Predecessor,
    RegistrationPolicy,
    Submission,
    Submitter,
    admit_operation,
)
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.event import KINDS, Event, Kind
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, open_note
from weightmark.provenance.ledger.operations import (
    MAX_OPERATION_SIZE,
    operation_text,
    read_operation,
    sign_operation,
    verify_operation,
)
from weightmark.provenance.ledger.predecessor import predecessor_fields, predecessor_from
from weightmark.values import dataclass

__all__ = [
    "Founding",
    "Succession",
    "admit_policy",
    "found",
    "policy_after",
    "policy_text",
    "read_founding",
    "require_event",
    "sign_policy",
]

_FOUNDING = "founding"


@dataclass(frozen=True, slots=True)
class Succession:
    """The end of one log and the beginning of another, after the key of the first was lost or leaked."""

    before: Predecessor
    """the old log, frozen at the last checkpoint that is believed"""
    recovery: NoteSigner
    """its recovery key, which alone can say who goes on"""

    def check(self, origin: str) -> Predecessor:
        """Return the old log as the new one, called `origin`, is to name it.

        Raises `WrongSignerError` when the key is not its recovery key, `LedgerInconsistentError` for
        the same name, and what verifying the checkpoint raises.
        """
        if self.recovery.verifier.vkey != self.before.recovery_vkey:
            raise WrongSignerError(
                f"`{self.recovery.name}` is not the recovery key of the log that is to be succeeded",
                fix="name the `recovery.key` that was made with that ledger",
            )
        _check_predecessor(self.before, origin)
        return self.before


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
    log: NoteSigner,
    recovery: NoteSigner,
    submitters: Sequence[Submitter],
    now: datetime,
    *,
    owners: Owners | None = None,
    roots: Mapping[str, str] | None = None,
    succession: Succession | None = None,
) -> Founding:
    """Make entry 0 of a new log; without `owners` the recovery key owns it.

    With a `succession` it commits to the log before. Raises `MalformedError` when somebody is
    admitted twice, and what `Succession.check` raises.
    """
    policy = RegistrationPolicy(
        log.name,
        log.verifier.vkey,
        recovery.verifier.vkey,
        _ordered(submitters),
        owners or Owners((recovery.verifier.vkey,)),
        tuple(sorted((roots or {}).items())),
        succeeds=succession.check(log.name) if succession else None,
    )
    _check_roots(policy)
    text = policy_text(policy)
    claim = log.sign(text) + recovery.line(text)
    if succession:
        claim += succession.recovery.line(text)
    submission = sign_operation(
        Kind.POLICY, claim, log, now, event_id=_FOUNDING, others=(recovery,)
    )
    keys = (log.verifier, *_founders(policy))
    operation = verify_operation(submission, Kind.POLICY, "", log.verifier, keys)
    return Founding(policy, submission, admit_operation(operation).event(now))


def read_founding(
    event: Event, claim: bytes, request: bytes, verifier: NoteVerifier
) -> RegistrationPolicy:
    """Read entry 0 and check all that it promises.

    Raises `LedgerInconsistentError` when event, claim and request do not belong together,
    `WrongSignerError`, `TamperedError` or `MalformedError` when a signature is missing or bad.
    """
    policy = _policy_from(read_operation(claim, Kind.POLICY, [verifier]))
    if policy.origin != verifier.name or policy.log_vkey != verifier.vkey:
        raise LedgerInconsistentError("the registration policy is of another log")
    recovery = NoteVerifier.parse(policy.recovery_vkey)
    submission = Submission(claim, request)
    operation = verify_operation(submission, Kind.POLICY, "", verifier, _founders(policy))
    if policy.succeeds:
        _check_predecessor(policy.succeeds, policy.origin)
    if recovery not in open_note(request, [verifier, recovery]).signers:
        raise LedgerInconsistentError("the request of entry 0 is not signed by the recovery key")
    if operation.request.event_id != _FOUNDING or policy.previous:
        raise LedgerInconsistentError("entry 0 does not found a log")
    require_event(event, admit_operation(operation), "entry 0")
    return policy


def sign_policy(
    before: RegistrationPolicy,
    *,
    submitters: Sequence[Submitter] | None = None,
    owners: Owners | None = None,
    roots: Mapping[str, str] | None = None,
) -> RegistrationPolicy:
    """Return the policy that is to follow `before`; its text is for the owners to sign."""
    policy = replace(
        before,
        submitters=before.submitters if submitters is None else _ordered(submitters),
        owners=owners or before.owners,
        roots=before.roots if roots is None else tuple(sorted(roots.items())),
        previous=before.claim_id,
        repeats=False,
    )
    _check_roots(policy)
    return policy


def admit_policy(before: RegistrationPolicy, submission: Submission) -> Admitted:
    """Decide whether owners enough signed what is to follow `before`.

    Raises `SubmissionRefusedError` with the reason, `MalformedError` or `TamperedError`.
    """
    log = NoteVerifier.parse(before.log_vkey)
    owners = [NoteVerifier.parse(one) for one in before.owners.vkeys]
    signers = open_note(submission.claim, [log, *owners], max_size=MAX_OPERATION_SIZE).signers
    signed = [one for one in signers if one in owners]
    if len(signed) < before.owners.threshold:
        raise SubmissionRefusedError(
            f"the new policy is signed by {len(signed)} of its owners, and it takes {before.owners.threshold}",
            fix="have further owners sign it with `weightmark ledger admit --proposal FILE --owner-key KEY`",
        )
    operation = verify_operation(submission, Kind.POLICY, "", log, signed)
    after = _policy_from(operation.fields, before)
    if after.previous != before.claim_id:
        raise SubmissionRefusedError(
            "the new policy was made for another state of this ledger",
            why=f"it follows the policy `{after.previous[:16]}…`, and `{before.claim_id[:16]}…` is in force",
            fix="make it again",
        )
    if (after.origin, after.log_vkey, after.recovery_vkey, after.succeeds) != (
        before.origin,
        before.log_vkey,
        before.recovery_vkey,
        before.succeeds,
    ):
        raise SubmissionRefusedError("a policy changes neither the log nor its keys")
    return admit_operation(operation, before.claim_id)


def policy_after(
    before: RegistrationPolicy, event: Event, claim: bytes, request: bytes
) -> RegistrationPolicy:
    """Read a later entry of kind `policy`; raises what `admit_policy` raises and `LedgerInconsistentError`."""
    admitted = admit_policy(before, Submission(claim, request))
    require_event(event, admitted, "the policy entry")
    log = NoteVerifier.parse(before.log_vkey)
    return _policy_from(read_operation(claim, Kind.POLICY, [log]), before)


def _founders(policy: RegistrationPolicy) -> tuple[NoteVerifier, ...]:
    """Return who signs entry 0 beside the log key: the recovery key, and that of the log before."""
    before = (policy.succeeds.recovery_vkey,) if policy.succeeds else ()
    return tuple(NoteVerifier.parse(one) for one in (policy.recovery_vkey, *before))


def _check_predecessor(before: Predecessor, origin: str) -> VerifiedCheckpoint:
    """Check that the checkpoint is the old log's own, and that the new log has another name."""
    old = NoteVerifier.parse(before.log_vkey)
    if old.name == origin:
        raise LedgerInconsistentError(
            f"a log cannot succeed itself: both are called `{origin}`",
            why="whoever has the leaked key could go on under the old name",
        )
    return verify_checkpoint(before.checkpoint.encode(), old)


def policy_text(policy: RegistrationPolicy) -> bytes:
    """Return what the claim of a policy signs."""
    return operation_text(Kind.POLICY, _policy_fields(policy))


def require_event(event: Event, admitted: Admitted, where: str) -> None:
    """Raise `LedgerInconsistentError` unless an entry records what was admitted; the clock is the log's own."""
    if replace(admitted.event(admitted.request.not_after), at=event.at) != event:
        raise LedgerInconsistentError(f"{where} does not match the registration policy")


def _ordered(submitters: Sequence[Submitter]) -> tuple[Submitter, ...]:
    ordered = tuple(sorted(submitters, key=lambda one: one.fingerprint))
    values = [one.opened.value if one.opened else one.fingerprint for one in ordered]
    if len({one.fingerprint for one in ordered}) != len(ordered) or len({*values}) != len(values):
        raise MalformedError("a submitter is admitted twice")
    return ordered


def _check_roots(policy: RegistrationPolicy) -> None:
    """Demand that every named root is one that comes with weightmark or is held, and is what its name says."""
    for name, text in policy.roots:
        if name != f"sha256:{hashlib.sha256(text.encode()).hexdigest()}":
            raise MalformedError(
                "a trusted root of the registration policy is not what its name says"
            )
    held = {name for name, _ in policy.roots}
    named = {one.root for one in policy.submitters if one.is_identity}
    if any(one.startswith("sha256:") and one not in held for one in named):
        raise MalformedError("the registration policy names a trusted root that it does not hold")


def _policy_fields(policy: RegistrationPolicy) -> dict[str, object]:
    return {
        "log": policy.log_vkey,
        "origin": policy.origin,
        "owners": {"keys": list(policy.owners.vkeys), "threshold": policy.owners.threshold},
        "previous": policy.previous,
        "recovery": policy.recovery_vkey,
        "roots": dict(policy.roots),
        "succeeds": _said_of_predecessor(policy),
        "submitters": [_submitter_fields(one) for one in policy.submitters],
        "v": 1,
    }


def _submitter_fields(one: Submitter) -> dict[str, object]:
    kinds = sorted(kind.value for kind in one.kinds)
    if one.is_identity:
        return {"identity": one.fingerprint, "kinds": kinds, "root": one.root}
    return {"key": one.public_key.decode(), "kinds": kinds}


def _said_of_predecessor(policy: RegistrationPolicy) -> object:
    """Return what a policy says of the log before: entry 0 everything, which may be long, a later one its name."""
    before = policy.succeeds
    if before is None or not policy.previous or policy.repeats:
        return predecessor_fields(before)
    return before.name


def _policy_from(
    fields: dict[str, Any], before: RegistrationPolicy | None = None
) -> RegistrationPolicy:
    """Read a policy; a later one that only names the log before has what the policy `before` it says of that."""
    try:
        known = before.succeeds if before else None
        said = fields["succeeds"]
        same = known is not None and said in (known.name, predecessor_fields(known))
        owners = fields["owners"]
        policy = RegistrationPolicy(
            str(fields["origin"]),
            str(fields["log"]),
            str(fields["recovery"]),
            tuple(_submitter_from(one) for one in fields["submitters"]),
            Owners(tuple(owners["keys"]), owners["threshold"]),
            tuple(sorted(fields["roots"].items())),
            fields["previous"],
            known if same else predecessor_from(said),
            repeats=before is not None and isinstance(said, dict),
        )
        for vkey in policy.owners.vkeys:
            NoteVerifier.parse(vkey)
        _check_roots(policy)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError("the registration policy lacks a field or has a wrong type") from error
    if _policy_fields(policy) != fields:
        raise MalformedError("the registration policy has unknown or unordered fields")
    return policy


def _submitter_from(fields: dict[str, Any]) -> Submitter:
    kinds = fields["kinds"]
    if not KINDS.issuperset(kinds):
        raise MalformedError("the registration policy names an unknown kind")
    admitted = frozenset(Kind(kind) for kind in kinds)
    if "identity" in fields:
        identity, root = str(fields["identity"]), str(fields["root"])
        if not identity.startswith("salted:"):
            raise MalformedError("the registration policy names an identity in the open")
        return Submitter(identity, b"", admitted, root)
    return Submitter.from_pem(fields["key"].encode(), admitted)
