"""Views: a file in memory, and a file behind a descriptor."""

import os
from collections import OrderedDict
from dataclasses import field

from weightmark.errors import FileChangedError, read_failure
from weightmark.values import dataclass

__all__ = ["PIECE", "CheckedView", "DescriptorView", "MemoryView", "piece_digest"]

PIECE = 64 * 1024
"""bytes whose digest is kept while a file is hashed"""
_KEPT_PIECES = 32


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The bytes of a file that were read whole."""

    data: bytes
    """the content"""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self.data[offset : offset + length]


@dataclass(frozen=True, slots=True)
class DescriptorView:
    """The bytes behind an open descriptor, read by position; nothing is mapped."""

    descriptor: int
    """an open file descriptor, owned by whoever made the view"""
    size: int
    """bytes, as fstat said when the file was opened"""
    name: str
    """how errors call the file"""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        wanted = max(0, min(length, self.size - offset))
        parts: list[bytes] = []
        while wanted:
            try:
                part = os.pread(self.descriptor, wanted, offset)
            except OSError as error:
                raise read_failure(self.name, error) from error
            if not part:
                raise FileChangedError(
                    f"`{self.name}` shrank while it was read",
                    fix="run again when nothing writes to it",
                )
            parts.append(part)
            offset += len(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def piece_digest(piece: bytes | memoryview) -> bytes:
    """Return the digest by which a piece is known again, 16 bytes of BLAKE3."""
    from blake3 import blake3

    return blake3(piece).digest(16)


@dataclass(frozen=True, slots=True)
class CheckedView:
    """The bytes behind a descriptor, each piece compared with what was hashed before.

    Whoever looks at them a second time sees what was hashed, or nothing: a write that hides its
    times between the two looks is found. Memory: 16 bytes for every 64 KiB of the file.
    """

    behind: DescriptorView
    """where the bytes are read again"""
    digests: tuple[bytes, ...]
    """`piece_digest` of each piece, in order; the last piece may be short"""
    kept: "OrderedDict[int, bytes]" = field(default_factory=OrderedDict, repr=False, compare=False)
    """pieces that were read lately"""

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.behind.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises `FileChangedError` for other bytes than were hashed."""
        end = min(self.size, offset + max(0, length))
        if offset >= end:
            return b""
        first, last = offset // PIECE, (end - 1) // PIECE
        joined = b"".join(self._piece(number) for number in range(first, last + 1))
        return joined[offset - first * PIECE : end - first * PIECE]

    def _piece(self, number: int) -> bytes:
        piece = self.kept.get(number)
        if piece is None:
            piece = self.behind.read_at(number * PIECE, PIECE)
            if piece_digest(piece) != self.digests[number]:
                raise FileChangedError(
                    f"`{self.behind.name}` changed while it was read",
                    fix="run again when nothing writes to it",
                )
            self.kept[number] = piece
            if len(self.kept) > _KEPT_PIECES:
                self.kept.popitem(last=False)
        return piece
