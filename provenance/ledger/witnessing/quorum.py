"""Whether witnesses saw a checkpoint, and whether enough of them did."""

from collections.abc import Iterable
from dataclasses import field
from datetime import UTC, datetime, timedelta

from weightmark.errors import PolicyError, ProofMissingError, WrongSignerError
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.note import NoteVerifier, SignatureLine, split_note
from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy
from weightmark.values import dataclass

__all__ = [
    "CLOCK_TOLERANCE",
    "UNWITNESSED",
    "Cosignature",
    "CosignedCheckpoint",
    "WitnessedCheckpoint",
    "another_log",
    "merge_cosignatures",
    "verify_cosigned",
    "verify_witnessed",
]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""by which two clocks that are right may differ"""
UNWITNESSED = "unwitnessed: the operator could rewrite"
"""what whoever reads a ledger says, unless a quorum of witnesses holds"""
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Cosignature:
    """That a witness saw a checkpoint."""

    witness: WitnessVerifier
    """who"""
    at: datetime
    """when, by the witness's clock"""


@dataclass(frozen=True, slots=True)
class CosignedCheckpoint:
    """A checkpoint of a log with the cosignatures that are good; only `verify_cosigned` makes it."""

    checkpoint: VerifiedCheckpoint
    """signed by the log"""
    cosignatures: tuple[Cosignature, ...]
    """one a key at most, in the order of the note; none is a possible answer"""
    uncounted: tuple[tuple[WitnessVerifier, str], ...]
    """witnesses whose line is good and does not count, and why"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `verify_cosigned` makes a CosignedCheckpoint")


@dataclass(frozen=True, slots=True)
class WitnessedCheckpoint:
    """A checkpoint that a quorum of witnesses saw; only `verify_witnessed` makes it."""

    checkpoint: VerifiedCheckpoint
    """signed by the log"""
    cosignatures: tuple[Cosignature, ...]
    """by the witnesses of the policy"""
    log: NoteVerifier
    """the key that signed"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `verify_witnessed` makes a WitnessedCheckpoint")

    def quorum_at(self, policy: TlogPolicy) -> datetime:
        """Return when so many had seen it as the quorum of `policy`, by which it was verified, takes."""
        in_order = sorted(self.cosignatures, key=_time)
        seen = []
        for one in in_order:
            seen.append(one.witness)
            if policy.is_met_by(seen):
                break
        return in_order[len(seen) - 1].at


def verify_cosigned(
    note: bytes,
    log: NoteVerifier,
    witnesses: Iterable[WitnessVerifier],
    now: datetime,
    *,
    since: datetime | None = None,
) -> CosignedCheckpoint:
    """Check the log's signature and every line of a known witness; lines of others prove nothing.

    A line counts once a key, with a time that is neither 0 nor after `now`; with `since`, not before
    that either, so that an old checkpoint cannot be shown for ever. Raises as `verify_checkpoint`,
    and `TamperedError` when a known witness's line is not good.
    """
    checkpoint = verify_checkpoint(note, log)
    text, lines = split_note(note)
    counted: dict[WitnessVerifier, Cosignature] = {}
    uncounted: dict[WitnessVerifier, str] = {}
    for witness in dict.fromkeys(witnesses):
        for line in filter(witness.wrote, lines):
            at = witness.check(text, line.signature)
            why = _why_not(witness, log, at, now, since)
            if why:
                uncounted[witness] = why
            else:
                seen = Cosignature(witness, datetime.fromtimestamp(at, UTC))
                counted[witness] = min(counted.get(witness, seen), seen, key=_time)
    return CosignedCheckpoint(
        checkpoint,
        tuple(counted.values()),
        tuple((who, why) for who, why in uncounted.items() if who not in counted),
        _SEAL,
    )


def verify_witnessed(
    note: bytes,
    policy: TlogPolicy,
    now: datetime,
    *,
    log: NoteVerifier | None = None,
    since: datetime | None = None,
) -> WitnessedCheckpoint:
    """Check that a log of the policy, or `log`, signed and that the quorum cosigned, from `since` on.

    Raises `ProofMissingError` when witnesses are missing, `PolicyError` when the policy asks for
    none, and otherwise as `verify_cosigned`.
    """
    if policy.quorum is None:
        raise PolicyError(
            "the witness policy asks for no witness",
            why=UNWITNESSED,
            fix="name a witness or a group after `quorum`",
        )
    log = _known_log(note, policy, log)
    known = [one.verifier for one in policy.witnesses]
    cosigned = verify_cosigned(note, log, known, now, since=since)
    if not policy.is_met_by(one.witness for one in cosigned.cosignatures):
        raise ProofMissingError(
            f"the quorum of witnesses is missing on the checkpoint of `{log.name}`"
            f" at size {cosigned.checkpoint.size}",
            why=_why_missing(cosigned, policy),
            fix="collect cosignatures: `weightmark ledger witness collect POLICY`",
        )
    return WitnessedCheckpoint(cosigned.checkpoint, cosigned.cosignatures, log, _SEAL)


def another_log(log: NoteVerifier) -> PolicyError:
    """Say of a policy that it names other logs, or the log under the key that it had before."""
    return PolicyError(
        f"the witness policy is about other logs than `{log.name}`",
        why=f"none of its `log` lines is `{log.vkey}`; after `weightmark ledger rotate` each policy needs one more",
        fix=f"add `log {log.vkey}`, once you know that the key is the log's",
    )


def merge_cosignatures(note: bytes, lines: Iterable[SignatureLine]) -> bytes:
    """Add lines to a signed checkpoint; a new line takes the place of an old one by the same key.

    Nothing is verified. Raises `MalformedError` or `LimitError` when `note` is no note.
    """
    text, present = split_note(note)
    merged = {(one.name, one.key_id): one for one in present}
    merged |= {(one.name, one.key_id): one for one in lines}
    return text + b"\n" + b"".join(one.to_bytes() for one in merged.values())


def _why_not(
    witness: WitnessVerifier, log: NoteVerifier, at: int, now: datetime, since: datetime | None
) -> str:
    """Say why a good line does not count; empty when it does."""
    if witness.public_key == log.public_key:
        return "it has the key of the log"
    if not at:
        return "it states no time"
    if at > (now + CLOCK_TOLERANCE).timestamp():
        return "it is dated in the future"
    if since and at < since.timestamp():
        return "it is older than you ask for"
    return ""


def _time(cosignature: Cosignature) -> datetime:
    return cosignature.at


def _known_log(note: bytes, policy: TlogPolicy, log: NoteVerifier | None) -> NoteVerifier:
    if log is not None:
        if policy.logs and log not in {one.verifier for one in policy.logs}:
            raise another_log(log)
        return log
    if not policy.logs:
        raise PolicyError("the witness policy names no log", fix="add `log VKEY`")
    _, lines = split_note(note)
    signed = {(line.name, line.key_id) for line in lines}
    for one in policy.logs:
        if (one.verifier.name, one.verifier.key_id) in signed:
            return one.verifier
    raise WrongSignerError("the checkpoint is signed by no log of the witness policy")


def _why_missing(cosigned: CosignedCheckpoint, policy: TlogPolicy) -> str:
    saw = len(cosigned.cosignatures)
    reasons = [f"{saw} of {len(policy.witnesses)} known witnesses cosigned it"]
    reasons += [f"`{who.name}` does not count: {why}" for who, why in cosigned.uncounted]
    return "; ".join(reasons)
