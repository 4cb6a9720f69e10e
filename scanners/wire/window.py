"""A view read through one block, for formats that are read field by field."""

from weightmark.errors import MalformedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.streams import is_streamed
from weightmark.scanners.limits import Limits, over_limit

__all__ = ["Window", "resident"]

_BLOCK = 64 * 1024


class Window:
    """Reads small pieces of a view without asking it for each of them.

    Raises `MalformedError` for bytes behind the end.
    """

    __slots__ = ("_block", "_start", "_view", "size")

    def __init__(self, view: ByteView) -> None:
        """Read from `view`."""
        self.size = view.size
        self._view = view
        self._start = 0
        self._block = b""

    def peek(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer at the end."""
        at = offset - self._start
        if at >= 0 and at + length <= len(self._block):
            return self._block[at : at + length]
        if length > _BLOCK or offset < 0:
            return self._view.read_at(offset, length) if offset >= 0 else b""
        self._block = self._view.read_at(offset, _BLOCK)
        self._start = offset
        return self._block[:length]

    def take(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`."""
        if length < 0 or offset < 0 or offset + length > self.size:
            raise MalformedError(f"byte {offset} + {length} lies outside of the file")
        data = self.peek(offset, length)
        if len(data) != length:
            raise MalformedError(f"the file ends before byte {offset + length}")
        return data

    def number(self, offset: int, width: int) -> int:
        """Return a little-endian unsigned number of `width` bytes."""
        return int.from_bytes(self.take(offset, width), "little")


def resident(view: ByteView, limits: Limits) -> ByteView:
    """Return a view that can be read in any order: a compressed one is held in memory.

    Raises `LimitError` when it is too long for that.
    """
    if not is_streamed(view):
        return view
    if view.size > limits.unpacked:
        raise over_limit(
            "unpacked", f"a compressed member over {limits.unpacked} bytes can't be walked"
        )
    return MemoryView(view.read_at(0, view.size))
