"""Views: a file in memory, and a file behind a descriptor."""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import field
from io import BytesIO

from weightmark.errors import FileChangedError, read_failure
from weightmark.values import dataclass

__all__ = ["PIECE", "CheckedView", "DescriptorView", "MemoryView", "NotingView", "piece_digest"]

PIECE = 64 * 1024
"""bytes whose digest is kept while a file is hashed"""
_KEPT_PIECES = 32
_DIGEST = 16
"""bytes of the digest of a piece"""
_UNSEEN = bytes(_DIGEST)
"""stands for the digest of a piece at which nobody looked; no known bytes have it"""


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

    return blake3(piece).digest(_DIGEST)


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
        return _cut(self.size, offset, length, self._piece)

    def _piece(self, number: int) -> bytes:
        piece = self.kept.get(number)
        if piece is None:
            piece = self.behind.read_at(number * PIECE, PIECE)
            if piece_digest(piece) != self.digests[number]:
                raise _changed(self.behind.name)
            _keep(self.kept, number, piece)
        return piece


@dataclass(frozen=True, slots=True)
class NotingView:
    """The bytes behind a descriptor before they are hashed; what was looked at is noted.

    `compare` holds the bytes that are hashed later against it: whoever looked saw what was hashed, or
    the reading fails. Only what was looked at costs a second digest.
    """

    behind: DescriptorView
    """where the bytes are read"""
    noted: bytearray
    """`piece_digest` of each piece that was looked at, zeros for the others"""
    kept: "OrderedDict[int, bytes]" = field(default_factory=OrderedDict, repr=False, compare=False)
    """pieces that were read lately"""

    @classmethod
    def of(cls, view: DescriptorView) -> "NotingView":
        """Begin with nothing noted."""
        return cls(view, bytearray(-(-view.size // PIECE) * _DIGEST))

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.behind.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises `FileChangedError` for other bytes than it gave before."""
        return _cut(self.size, offset, length, self._piece)

    def compare(self, first: int, block: memoryview) -> None:
        """Hold bytes that are hashed, from piece `first` on, against what was seen; raises `FileChangedError`."""
        pieces = range(0, len(block), PIECE)
        noted = self.noted[first * _DIGEST : (first + len(pieces)) * _DIGEST]
        if noted.count(0) == len(noted):
            return
        for number, start in enumerate(pieces):
            seen = noted[number * _DIGEST : (number + 1) * _DIGEST]
            if seen not in (_UNSEEN, piece_digest(block[start : start + PIECE])):
                raise _changed(self.behind.name)

    def _piece(self, number: int) -> bytes:
        piece = self.kept.get(number)
        if piece is None:
            piece = self.behind.read_at(number * PIECE, PIECE)
            digest, place = piece_digest(piece), slice(number * _DIGEST, (number + 1) * _DIGEST)
            if self.noted[place] not in (_UNSEEN, digest):
                raise _changed(self.behind.name)
            self.noted[place] = digest
            _keep(self.kept, number, piece)
        return piece


def _cut(size: int, offset: int, length: int, piece: Callable[[int], bytes]) -> bytes:
    """Return a range of bytes, which are in memory once and not piece by piece as well."""
    end = min(size, offset + max(0, length))
    if offset >= end:
        return b""
    first, last = offset // PIECE, (end - 1) // PIECE
    if first == last:
        return piece(first)[offset - first * PIECE : end - first * PIECE]
    made = BytesIO()
    for number in range(first, last + 1):
        start = number * PIECE
        made.write(memoryview(piece(number))[max(0, offset - start) : end - start])
    return made.getvalue()


def _keep(kept: "OrderedDict[int, bytes]", number: int, piece: bytes) -> None:
    kept[number] = piece
    if len(kept) > _KEPT_PIECES:
        kept.popitem(last=False)


def _changed(name: str) -> FileChangedError:
    return FileChangedError(
        f"`{name}` changed while it was read", fix="run again when nothing writes to it"
    )
