"""A moving window over a view: forward reading with random jumps, bounded memory."""

from weightmark.provenance.reading.interface import ByteView

__all__ = ["LOOKAHEAD", "Window"]

LOOKAHEAD = 512
"""bytes after the position that a window holds, unless the view ends before"""
_FIRST = 4096
_CHUNK = 256 * 1024
_LINE = 64 * 1024


class Window:
    """Bytes of a view from `base` on, padded with zeros at the end of the view."""

    __slots__ = ("_chunk", "base", "data", "last", "view")

    def __init__(self, view: ByteView) -> None:
        """Start without bytes; the first window is small, because most trials fail at once."""
        self.view = view
        self.base = 0
        self.data = b""
        self.last = False
        self._chunk = _FIRST

    def load(self, base: int) -> int:
        """Move the window to `base`; return the position up to which opcodes may start."""
        data = self.view.read_at(base, self._chunk)
        self.last = base + len(data) >= self.view.size or len(data) < self._chunk
        self._chunk = _CHUNK
        self.base = base
        if self.last:
            self.data = data + bytes(LOOKAHEAD)
            return len(data)
        self.data = data
        return len(data) - LOOKAHEAD

    def line(self, position: int) -> tuple[bytes, int] | None:
        """Return a line from `position` without its newline, and where the next one begins.

        Only the first 64 KiB of a longer line are returned. Returns None if no newline follows.
        Both positions count from the window's base.
        """
        end = self.data.find(b"\n", position)
        if end >= 0:
            return self.data[position:end], end + 1
        start = offset = self.base + position
        while offset < self.view.size:
            block = self.view.read_at(offset, _CHUNK)
            end = block.find(b"\n")
            if end >= 0:
                length = offset + end - start
                return self.view.read_at(start, min(length, _LINE)), position + length + 1
            if not block:
                return None
            offset += len(block)
        return None
