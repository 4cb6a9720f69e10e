"""Checkpoints: the signed size and root of a log (C2SP tlog-checkpoint v1.0.0)."""

import base64
import re
from dataclasses import field

from weightmark.errors import MalformedError
from weightmark.provenance.ledger.merkle import EMPTY_ROOT, HASH_SIZE
from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier, decode_base64, open_note
from weightmark.values import dataclass

__all__ = ["Checkpoint", "VerifiedCheckpoint", "parse_checkpoint", "verify_checkpoint"]

_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z")
_MAX_SIZE = 2**63 - 1
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says about itself."""

    origin: str
    """the log's name"""
    size: int
    """entries"""
    root: bytes
    """32 bytes"""
    extensions: tuple[str, ...] = ()
    """further lines; not recommended, kept as they are"""

    def to_text(self) -> bytes:
        """Return the note text."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode())
        return "".join(f"{line}\n" for line in (*lines, *self.extensions)).encode()

    def sign(self, signer: NoteSigner) -> bytes:
        """Return the signed checkpoint."""
        return signer.sign(self.to_text())


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint with a good signature by the log's key; only `verify_checkpoint` makes it."""

    origin: str
    """the log's name, equal to the key's"""
    size: int
    """entries"""
    root: bytes
    """32 bytes"""
    note: bytes
    """the signed checkpoint, as it was read"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `verify_checkpoint` makes a VerifiedCheckpoint")


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read the text of a checkpoint strictly; raises `MalformedError`."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError(f"the checkpoint is not UTF-8 at byte {error.start}") from error
    if len(lines) < 4 or lines[-1]:  # noqa: PLR2004 - origin, size, root, and what follows the last newline
        raise MalformedError("the checkpoint has fewer than three lines")
    origin, size, root, *extensions = lines[:-1]
    if not origin or not _SIZE.match(size) or int(size) > _MAX_SIZE:
        raise MalformedError("the checkpoint has no origin or a malformed size")
    digest = decode_base64(root, "the root of the checkpoint")
    if len(digest) != HASH_SIZE:
        raise MalformedError("the root of the checkpoint is not 32 bytes")
    if size == "0" and digest != EMPTY_ROOT:
        raise MalformedError("the checkpoint of an empty log has another root")
    if not all(extensions):
        raise MalformedError("the checkpoint has an empty extension line")
    return Checkpoint(origin, int(size), digest, tuple(extensions))


def verify_checkpoint(note: bytes, verifier: NoteVerifier) -> VerifiedCheckpoint:
    """Check the log's signature and that it is this log's.

    Raises `MalformedError`, `TamperedError`, or `WrongSignerError` when another key or log signed.
    """
    text = open_note(note, [verifier]).text
    parsed = parse_checkpoint(text)
    if parsed.origin != verifier.name:
        raise MalformedError(
            f"the checkpoint is of the log `{parsed.origin[:80]}`, signed as `{verifier.name}`"
        )
    return VerifiedCheckpoint(parsed.origin, parsed.size, parsed.root, note, _SEAL)
