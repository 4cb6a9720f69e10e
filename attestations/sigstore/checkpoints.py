"""Checkpoints of Rekor: the signed size and root of a log, and the witnesses who saw it.

Rekor v1 signs with a key of any kind under the log's id; Rekor v2 writes C2SP tlog-checkpoints.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from weightmark.attestations.bundles.log_entry import InclusionProof
from weightmark.attestations.sigstore.trusted_root import LogKey
from weightmark.errors import ProofRefusedError, TamperedError
from weightmark.provenance.ledger.checkpoint import Checkpoint, parse_checkpoint
from weightmark.provenance.ledger.note import SignatureLine, split_note
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.witnessing.cosignature import WitnessVerifier

__all__ = ["SeenCheckpoint", "verify_checkpoint_of"]

_ED25519 = 0x01
_HINT = 4


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    """A checkpoint whose log signed it."""

    origin: str
    """the log's name"""
    witnesses: tuple[tuple[str, datetime], ...]
    """known witnesses who cosigned it, and when"""


def verify_checkpoint_of(
    proof: InclusionProof, log: LogKey, witnesses: "Sequence[WitnessVerifier]", *, named: bool
) -> SeenCheckpoint:
    """Check that `log` signed the root of `proof`.

    `named` asks that the checkpoint's origin is the name by which the log signs, as Rekor v2 writes
    it. Raises `MalformedError`, `ProofRefusedError` or `UnsupportedError`.
    """
    text, lines = split_note(proof.checkpoint.encode())
    parsed = parse_checkpoint(text)
    own = [line for line in lines if _is_by(line, log)]
    if named:
        own = [line for line in own if line.name == parsed.origin and _may_be_called(line, log)]
    else:
        own = [line for line in own if parsed.origin.startswith(f"{line.name} - ")]
    if not any(log.key.verifies(line.signature, text) for line in own):
        raise ProofRefusedError(
            f"the checkpoint is not signed by the log `{log.name}`",
            why="nothing shows that the log ever had this root",
        )
    _check_root(parsed, proof)
    return SeenCheckpoint(parsed.origin, _cosigned(text, lines, witnesses))


def _is_by(line: SignatureLine, log: LogKey) -> bool:
    return line.key_id == log.key_id[:_HINT]


def _may_be_called(line: SignatureLine, log: LogKey) -> bool:
    """Tell whether the name on the line is the log's own: by its address, or by its id, which binds a name."""
    if line.name in (log.name, log.name.partition(":")[0]):
        return True
    if log.key.kind != "ed25519":
        return False
    return _named_key_id(line.name, _ED25519, log.raw[-32:]) == line.key_id


def _check_root(parsed: Checkpoint, proof: InclusionProof) -> None:
    if parsed.size != proof.tree_size or parsed.root != proof.root_hash:
        raise ProofRefusedError("the checkpoint is about another root than the inclusion proof")


def _cosigned(
    text: bytes, lines: Sequence[SignatureLine], witnesses: "Sequence[WitnessVerifier]"
) -> tuple[tuple[str, datetime], ...]:
    known = {(one.name, one.key_id): one for one in witnesses}
    seen: dict[str, datetime] = {}
    for line in lines:
        witness = known.get((line.name, line.key_id))
        at = _seen_at(witness, text, line) if witness else None
        if at is not None:
            seen.setdefault(line.name, at)
    return tuple(seen.items())


def _seen_at(witness: "WitnessVerifier", text: bytes, line: SignatureLine) -> datetime | None:
    """Return when a witness saw the checkpoint; None when its line is not good or states no time."""
    try:
        seconds = witness.check(text, line.signature)
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (TamperedError, ValueError, OverflowError, OSError):
        return None


def _named_key_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:_HINT]
