"""Log entries held against the trusted root: included, promised, signed by the log, about this signature."""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.log_entry import InclusionProof, LogEntry
from weightmark.attestations.identities import VerifiedTime
from weightmark.attestations.sigstore.checkpoints import (
    SeenCheckpoint,
    verify_checkpoint_of,
)
from weightmark.attestations.sigstore.entry_bodies import Logged, check_body, is_second_version
from weightmark.attestations.sigstore.trusted_root import LogKey
from weightmark.errors import (
    LedgerInconsistentError,
    LimitError,
    MalformedError,
    ProofRefusedError,
    UnknownAuthorityError,
)
from weightmark.provenance.ledger.merkle import check_inclusion, leaf_hash
from weightmark.provenance.strict_json import canonical_json
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier

__all__ = ["SeenEntry", "VersionRules", "verify_entry"]


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """A log entry that was verified."""

    log: str
    """host of the log"""
    log_id: bytes
    """its id"""
    index: int
    """place in the log"""
    kind: str
    """`hashedrekord 0.0.1` and the like"""
    time: VerifiedTime | None
    """when the log took it in, if it promised that"""
    witnesses: tuple[tuple[str, datetime], ...]
    """known witnesses who cosigned the log's checkpoint, and when"""


@dataclass(frozen=True, slots=True)
class VersionRules:
    """What the versions of the bundle format ask of a log entry."""

    promise: bool
    """whether the log must have promised the entry"""
    proof: bool
    """whether there must be an inclusion proof with a checkpoint"""

    @classmethod
    def of(cls, version: str) -> "VersionRules":
        """Return the rules of `0.1` (a promise), or of `0.2` and `0.3` (a proof)."""
        return cls(promise=version == "0.1", proof=version != "0.1")


def verify_entry(
    entry: LogEntry,
    logged: Logged,
    logs: Sequence[LogKey],
    witnesses: "Sequence[WitnessVerifier]",
    *,
    rules: VersionRules,
    times: Iterable[datetime],
) -> SeenEntry:
    """Verify one entry; `times` are those at which a log without a promise must have counted.

    Raises `UnknownAuthorityError` for a log that is not in the root, `ExpiredError` when it did not
    count then, `MalformedError`, `ProofRefusedError` and `UnsupportedError`.
    """
    second = is_second_version(entry)
    promised = bool(entry.promise) and not second
    moments = [_integrated(entry)] if promised else list(times)
    log = _known(entry, logs, moments)
    _check_presence(entry, rules, second=second)
    for at in moments:
        log.validity.check(at, f"the log `{log.name}`")
    if promised:
        _check_promise(entry, log)
    seen = SeenCheckpoint("", ())
    if entry.proof and (entry.proof.checkpoint or rules.proof or second):
        seen = verify_checkpoint_of(entry.proof, log, witnesses, named=second)
    if entry.proof:
        _check_inclusion(entry.body, entry.proof)
    check_body(entry, logged)
    return SeenEntry(
        log.name,
        log.key_id,
        entry.log_index,
        f"{entry.kind} {entry.version}",
        VerifiedTime(moments[0], f"rekor {log.name}") if promised else None,
        seen.witnesses,
    )


def _integrated(entry: LogEntry) -> datetime:
    if not entry.integrated_time:
        raise MalformedError("a log entry has a promise without a time")
    try:
        return datetime.fromtimestamp(entry.integrated_time, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise LimitError("the time of a log entry lies outside the calendar") from error


def _known(entry: LogEntry, logs: Sequence[LogKey], moments: Sequence[datetime]) -> LogKey:
    found = [log for log in logs if log.key_id == entry.log_id]
    if not found:
        raise UnknownAuthorityError(
            "a log entry is in a log that you do not know",
            why=f"its id is {entry.log_id.hex()}",
            fix="name the trust root of the instance with `--trusted-root`, or update yours",
        )
    counting = [log for log in found if all(log.validity.holds(at) for at in moments)]
    return (counting or found)[0]


def _check_presence(entry: LogEntry, rules: VersionRules, *, second: bool) -> None:
    if rules.promise and not second and not entry.promise:
        raise MalformedError("a log entry has no promise, which bundles of v0.1 must have")
    if (rules.proof or second) and entry.proof is None:
        raise MalformedError("a log entry has no inclusion proof")
    if second and entry.proof and entry.proof.log_index != entry.log_index:
        raise MalformedError("a log entry names another place than its inclusion proof")


def _check_promise(entry: LogEntry, log: LogKey) -> None:
    """Check the signed entry timestamp of Rekor v1 over the entry, its place and its time."""
    said = {
        "body": base64.b64encode(entry.body).decode("ascii"),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.log_index,
    }
    if not log.key.verifies(entry.promise, canonical_json(said)):
        raise ProofRefusedError(
            f"the log `{log.name}` did not promise this entry",
            why="the signed entry timestamp is not good",
        )


def _check_inclusion(body: bytes, proof: InclusionProof) -> None:
    try:
        check_inclusion(
            leaf_hash(body), proof.log_index, proof.tree_size, proof.hashes, proof.root_hash
        )
    except LedgerInconsistentError as error:
        raise ProofRefusedError(
            "the log entry is not in the log", why="its inclusion proof does not lead to the root"
        ) from error
