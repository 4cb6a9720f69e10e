"""Digests of byte ranges, made while the blocks of a file pass by."""

from collections.abc import Iterable
from dataclasses import dataclass

from weightmark.provenance.reading.columns import Column, Digest, new_digest

__all__ = ["ByteRange", "RangeSink"]

_WORTH_ALL_CORES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, order=True)
class ByteRange:
    """Bytes from `start` up to `end`."""

    start: int
    """first byte"""
    end: int
    """the byte after the last"""


class RangeSink:
    """Takes the blocks of one file in order and keeps the BLAKE3 of every range.

    Ranges may overlap; each distinct one is hashed once, and a large one on all cores.
    """

    def __init__(self, ranges: Iterable[ByteRange], *, at: int = 0) -> None:
        """Begin with byte `at` of the file; no range begins before it."""
        self._pending = sorted(set(ranges), reverse=True)
        self._open: list[tuple[ByteRange, Digest]] = []
        self._digests: dict[ByteRange, str] = {}
        self._at = at

    def update(self, block: memoryview, /) -> None:
        """Take the next block of the file."""
        end = self._at + len(block)
        while self._pending and self._pending[-1].start < end:
            self._begin(self._pending.pop())
        still_open = []
        for wanted, digest in self._open:
            start = max(wanted.start, self._at)
            digest.update(block[start - self._at : min(wanted.end, end) - self._at])
            if wanted.end <= end:
                self._digests[wanted] = digest.hexdigest()
            else:
                still_open.append((wanted, digest))
        self._open = still_open
        self._at = end

    def hexdigests(self) -> dict[ByteRange, str]:
        """Return the digest of every range that was seen to its end, lowercase hex."""
        while self._pending and self._pending[-1].start == self._pending[-1].end <= self._at:
            self._begin(self._pending.pop())
        empty = {wanted: one.hexdigest() for wanted, one in self._open if wanted.end <= self._at}
        return self._digests | empty

    def _begin(self, wanted: ByteRange) -> None:
        large = wanted.end - wanted.start >= _WORTH_ALL_CORES
        self._open.append((wanted, new_digest(Column.BLAKE3, all_cores=large)))
