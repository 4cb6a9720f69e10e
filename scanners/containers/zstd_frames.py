"""Where a zstd frame ends, told by its headers (RFC 8878, section 3.1.1)."""

from weightmark.errors import UnsupportedError
from weightmark.provenance.reading.interface import ByteView

__all__ = ["frame_end"]

_MAGIC = 4
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_BYTES = (0, 2, 4, 8)
_CHECKSUM = 4
_BLOCK_HEADER = 3
_REPEATED, _RESERVED = 1, 3


def frame_end(view: ByteView) -> int:
    """Return the offset after the frame that begins at 0; raises `UnsupportedError` if it is cut."""
    descriptor = _number(view, _MAGIC, 1)
    single = descriptor >> 5 & 1
    content = _CONTENT_BYTES[descriptor >> 6] or single
    at = _MAGIC + 1 + (1 - single) + _DICTIONARY_BYTES[descriptor & 3] + content
    last = False
    while not last:
        header = _number(view, at, _BLOCK_HEADER)
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED:
            raise UnsupportedError("the zstd stream is damaged: a block has no known kind")
        at += _BLOCK_HEADER + (1 if kind == _REPEATED else size)
    at += _CHECKSUM if descriptor >> 2 & 1 else 0
    if at > view.size:
        raise UnsupportedError("the zstd stream is cut off")
    return at


def _number(view: ByteView, offset: int, length: int) -> int:
    data = view.read_at(offset, length)
    if len(data) < length:
        raise UnsupportedError("the zstd stream is cut off")
    return int.from_bytes(data, "little")
