"""Views of a part of another view: as it stands, or inflated while it is read."""

import zlib
from dataclasses import dataclass

from weightmark.errors import LimitError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import MEBIBYTE, Budget

__all__ = ["Inflated", "Slice"]

_INPUT = 64 * 1024
_KEPT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Slice:
    """`size` bytes of `view` from `start`, not copied."""

    view: ByteView
    """the whole"""
    start: int
    """where the part begins"""
    size: int
    """bytes"""

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        wanted = max(0, min(length, self.size - offset))
        return self.view.read_at(self.start + offset, wanted) if wanted else b""


class Inflated:
    """The content of a deflated slice: reading forward is cheap, going back starts again.

    Raises `LimitError` when the budget for decompressed bytes or the ratio is exceeded, and
    `UnsupportedError` when the data is no deflate stream.
    """

    def __init__(self, source: ByteView, size: int, budget: Budget) -> None:
        """Read deflated bytes from `source`; `size` is the declared length of the content."""
        self.size = size
        self._source = source
        self._budget = budget
        self._restart()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer where the content ends."""
        length = max(0, min(length, self.size - offset))
        if offset < self._start:
            self._restart()
        parts = bytearray()
        while length > 0:
            while self._start + len(self._block) <= offset:
                if not self._advance():
                    return bytes(parts)
            at = offset - self._start
            part = self._block[at : at + length]
            parts += part
            offset += len(part)
            length -= len(part)
        return bytes(parts)

    def _restart(self) -> None:
        self._engine = zlib.decompressobj(-zlib.MAX_WBITS)
        self._consumed = 0
        self._pending = b""
        self._start = 0
        self._block = b""

    def _advance(self) -> bool:
        """Inflate the next block; False at the end of the content."""
        if self._engine.eof:
            return False
        if not self._pending:
            self._pending = self._source.read_at(self._consumed, _INPUT)
            self._consumed += len(self._pending)
        if not self._pending:
            return False
        try:
            block = self._engine.decompress(self._pending, _KEPT)
        except zlib.error as error:
            raise UnsupportedError(f"the compressed data is damaged: {error}") from error
        self._pending = self._engine.unconsumed_tail
        self._budget.spend_decompressed(len(block))
        self._start += len(self._block)
        self._block = block
        total = self._start + len(block)
        ratio = self._budget.limits.ratio
        if total > MEBIBYTE and total > ratio * max(1, self._consumed):
            raise LimitError(f"a member grows more than {ratio} times when it is decompressed")
        return True
