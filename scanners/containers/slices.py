"""Views of a part of another view."""

from weightmark.provenance.reading.interface import ByteView
from weightmark.values import dataclass

__all__ = ["Slice"]


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
