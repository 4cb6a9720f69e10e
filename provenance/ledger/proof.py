"""Receipts: offline proofs that an event is in a log (C2SP tlog-proof@v1)."""

import base64
from dataclasses import field
from typing import Final

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.event import Event, parse_event
from weightmark.provenance.ledger.merkle import check_inclusion, leaf_hash
from weightmark.provenance.ledger.note import NoteVerifier, decode_base64, decode_hash
from weightmark.values import dataclass

__all__ = [
    "MAX_RECEIPT_SIZE",
    "Proof",
    "Receipt",
    "VerifiedReceipt",
    "format_proof",
    "parse_proof",
    "verify_proof",
    "verify_receipt",
]

MAX_RECEIPT_SIZE = 1024 * 1024
"""bytes"""

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 64
_SEAL = object()
_MAX_INDEX_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed tlog-proof; reading it proves nothing."""

    index: int
    """of the entry"""
    hashes: tuple[bytes, ...]
    """the audit path, leaf's sibling first"""
    checkpoint: bytes
    """the signed checkpoint, verbatim"""
    extra: bytes | None = None
    """bytes that the proof does not authenticate; in a receipt the leaf itself"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a submitter gets back."""

    index: int
    """of the entry"""
    event: Event
    """what was recorded"""
    text: bytes
    """the tlog-proof; its `extra` is the event's canonical bytes"""


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """An event that was proven to be in a log; only `verify_receipt` makes it."""

    event: Event
    """what was recorded"""
    index: int
    """where"""
    checkpoint: VerifiedCheckpoint
    """the signed tree that holds it: origin, size, root"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `verify_receipt` makes a VerifiedReceipt")


def format_proof(proof: Proof) -> bytes:
    """Write a tlog-proof."""
    lines = [_HEADER]
    if proof.extra is not None:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines.append(f"index {proof.index}")
    lines += (base64.b64encode(one).decode() for one in proof.hashes)
    return "".join(f"{line}\n" for line in (*lines, "")).encode() + proof.checkpoint


def parse_proof(data: bytes) -> Proof:
    """Read a tlog-proof strictly; raises `MalformedError` or `LimitError`."""
    if len(data) > MAX_RECEIPT_SIZE:
        raise LimitError(f"the receipt is over {MAX_RECEIPT_SIZE} bytes")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("the receipt is not a tlog-proof") from error
    if not blank or lines.pop(0) != _HEADER:
        raise MalformedError(f"the receipt is not a tlog-proof: it does not begin with `{_HEADER}`")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), "the extra line of the receipt")
    index = _parse_index(lines.pop(0) if lines else "")
    if len(lines) > _MAX_HASHES:
        raise MalformedError(f"the receipt has more than {_MAX_HASHES} hashes")
    hashes = tuple(decode_hash(line, "a hash of the receipt") for line in lines)
    return Proof(index, hashes, checkpoint, extra)


def verify_proof(data: bytes, leaf: bytes, verifier: NoteVerifier) -> VerifiedCheckpoint:
    """Check that the entry `leaf` is in the log of `verifier`; returns the checkpoint that holds it.

    Raises `MalformedError`, `WrongSignerError`, `TamperedError` or `LedgerInconsistentError`.
    """
    proof = parse_proof(data)
    checkpoint = verify_checkpoint(proof.checkpoint, verifier)
    size, root = checkpoint.size, checkpoint.root
    check_inclusion(leaf_hash(leaf), proof.index, size, proof.hashes, root)
    return checkpoint


def verify_receipt(data: bytes, verifier: NoteVerifier) -> VerifiedReceipt:
    """Check a receipt of a weightmark ledger, offline; errors as `verify_proof`."""
    proof = parse_proof(data)
    if proof.extra is None:
        raise MalformedError(
            "the receipt does not hold its event",
            why="it has no `extra` line",
            fix="prove the entry again",
        )
    checkpoint = verify_proof(data, proof.extra, verifier)
    event = parse_event(proof.extra)
    if event.origin != checkpoint.origin:
        raise MalformedError(f"the event in the receipt is of another log, `{event.origin}`")
    return VerifiedReceipt(event, proof.index, checkpoint, _SEAL)


def _parse_index(line: str) -> int:
    digits = line.removeprefix("index ")
    canonical = digits.isascii() and digits.isdigit() and str(int(digits[:20])) == digits
    if not line.startswith("index ") or not canonical or len(digits) > _MAX_INDEX_DIGITS:
        raise MalformedError("the receipt has no index line or a malformed one")
    return int(digits)
