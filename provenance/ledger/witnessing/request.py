"""What a log sends to a witness: `add-checkpoint` (C2SP tlog-witness v1.0). Pure."""

import base64
import hashlib
import re

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.ledger.note import decode_hash
from weightmark.values import dataclass

__all__ = [
    "MAX_PROOF_HASHES",
    "MAX_REQUEST_SIZE",
    "SIZE_TYPE",
    "AddCheckpoint",
    "checkpoint_path",
    "format_size",
    "parse_add_checkpoint",
    "parse_size",
]

MAX_REQUEST_SIZE = 256 * 1024
"""bytes"""
MAX_PROOF_HASHES = 63
"""hashes of a consistency proof"""
SIZE_TYPE = "text/x.tlog.size"
"""the media type of a conflict, whose body is the size that the witness knows"""

_SIZE = re.compile(rb"(?:0|[1-9][0-9]{0,18})\Z")
_MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint for a witness, with the proof that it extends what the witness saw."""

    old_size: int
    """entries of the checkpoint that the witness cosigned last; 0 for none"""
    proof: tuple[bytes, ...]
    """the consistency proof from there (RFC 6962 §2.1.2); empty when nothing is to prove"""
    checkpoint: bytes
    """the signed checkpoint, verbatim"""

    def to_bytes(self) -> bytes:
        """Return the body of the request."""
        lines = [
            f"old {self.old_size}",
            *(base64.b64encode(one).decode() for one in self.proof),
            "",
        ]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of a request strictly; the checkpoint is left as it is.

    Raises `MalformedError` or `LimitError`.
    """
    if len(body) > MAX_REQUEST_SIZE:
        raise LimitError(f"the request is over {MAX_REQUEST_SIZE} bytes")
    head, blank, checkpoint = body.partition(b"\n\n")
    first, *hashes = head.split(b"\n")
    if not blank or not first.startswith(b"old "):
        raise MalformedError(
            "the request does not begin with `old <size>`, a proof and a blank line"
        )
    if len(hashes) > MAX_PROOF_HASHES:
        raise MalformedError(f"the proof has more than {MAX_PROOF_HASHES} hashes")
    try:
        proof = tuple(decode_hash(line.decode("ascii"), "a hash of the proof") for line in hashes)
    except UnicodeDecodeError as error:
        raise MalformedError("a hash of the proof is not base64") from error
    return AddCheckpoint(_parse_number(first.removeprefix(b"old ")), proof, checkpoint)


def format_size(size: int) -> bytes:
    """Write the body of a conflict."""
    return f"{size}\n".encode()


def parse_size(body: bytes) -> int:
    """Read the body of a conflict; raises `MalformedError`."""
    if not body.endswith(b"\n"):
        raise MalformedError("the size does not end in a newline")
    return _parse_number(body[:-1])


def checkpoint_path(origin: str) -> str:
    """Return where a witness shows what it cosigned last of a log, below its monitoring prefix."""
    return f"{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"


def _parse_number(digits: bytes) -> int:
    if not _SIZE.match(digits) or int(digits) > _MAX_SIZE:
        raise MalformedError("a size is not a decimal number without leading zeros")
    return int(digits)
