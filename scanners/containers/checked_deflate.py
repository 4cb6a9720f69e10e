"""gzip and zlib as raw deflate, with their checksums compared after the content was handed out.

Loaders run what they decompressed before they come to a wrong checksum, so it must be seen here as well.
Sources: RFC 1950 (zlib), RFC 1952 (gzip).
"""

import zlib
from collections.abc import Callable

from weightmark.errors import UnsupportedError
from weightmark.provenance.reading.interface import ByteView

__all__ = ["CheckedDeflate", "gzip_stream", "zlib_stream"]

_FIXED, _METHOD_AT, _FLAGS_AT, _DEFLATE = 10, 2, 3, 8
_HEADER_CHECK, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16
_BLOCK = 4096
_LONGEST_TEXT = 1 << 20
_ZLIB_HEADER, _ZLIB_DICTIONARY, _ZLIB_CHECK = 2, 0x20, 31
_WORD = 1 << 32


class CheckedDeflate:
    """Reads one stream as `zlib.decompressobj` does, and its trailer in a step of its own."""

    def __init__(self, trailer: int, expected: Callable[[int, int, int], bytes]) -> None:
        """Begin at the raw deflate data.

        `trailer` is the length of what follows them; `expected` makes it from the Adler-32, the CRC-32 and
        the length of the content.
        """
        self.eof = False
        self.unused_data = b""
        self.unconsumed_tail = b""
        self._raw = zlib.decompressobj(-zlib.MAX_WBITS)
        self._adler, self._crc, self._size = 1, 0, 0
        self._missing, self._trailer, self._expected = trailer, b"", expected

    def decompress(self, data: bytes, most: int) -> bytes:
        """Return up to `most` bytes; raises `ValueError` for a wrong trailer, `zlib.error` for damage."""
        if self._raw.eof:
            self._check(data)
            return b""
        content = self._raw.decompress(data, most)
        self._adler = zlib.adler32(content, self._adler)
        self._crc = zlib.crc32(content, self._crc)
        self._size += len(content)
        self.unconsumed_tail = self._raw.unused_data or self._raw.unconsumed_tail
        return content

    def _check(self, data: bytes) -> None:
        self._trailer += data[: self._missing]
        rest = data[self._missing :]
        self._missing -= len(data) - len(rest)
        self.unconsumed_tail = b""
        if self._missing:
            return
        if self._trailer != self._expected(self._adler, self._crc, self._size):
            raise ValueError("incorrect checksum or length")
        self.eof, self.unused_data = True, rest


def zlib_stream(source: ByteView) -> tuple[CheckedDeflate, int]:
    """Return the reader of a zlib stream, and where in the source it begins.

    Raises `UnsupportedError` for another header, or one that needs a dictionary.
    """
    head = source.read_at(0, _ZLIB_HEADER)
    number = int.from_bytes(head, "big")
    deflates = head[:1] and head[0] & 0x0F == _DEFLATE and not head[0] & 0x80
    if not deflates or number % _ZLIB_CHECK or number & _ZLIB_DICTIONARY:
        raise UnsupportedError("the zlib stream is damaged: its header is not understood")
    trailer = CheckedDeflate(4, lambda adler, _crc, _size: adler.to_bytes(4, "big"))
    return trailer, _ZLIB_HEADER


def gzip_stream(source: ByteView) -> tuple[CheckedDeflate, int]:
    """Return the reader of a gzip member, and where in the source its data begin.

    Raises `UnsupportedError` for a header that is cut off, or of another method.
    """
    return CheckedDeflate(8, _gzip_trailer), _gzip_header_end(source)


def _gzip_trailer(_adler: int, crc: int, size: int) -> bytes:
    return crc.to_bytes(4, "little") + (size % _WORD).to_bytes(4, "little")


def _gzip_header_end(source: ByteView) -> int:
    head = source.read_at(0, _FIXED)
    if len(head) < _FIXED or head[_METHOD_AT] != _DEFLATE:
        raise UnsupportedError("the gzip stream is damaged: its header is not understood")
    flags, at = head[_FLAGS_AT], _FIXED
    if flags & _EXTRA:
        at += 2 + int.from_bytes(source.read_at(at, 2), "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            at = _text_end(source, at)
    return at + (2 if flags & _HEADER_CHECK else 0)


def _text_end(source: ByteView, start: int) -> int:
    for at in range(start, start + _LONGEST_TEXT, _BLOCK):
        block = source.read_at(at, _BLOCK)
        if (found := block.find(b"\0")) >= 0:
            return at + found + 1
        if not block:
            break
    raise UnsupportedError("the gzip stream is damaged: a text of its header does not end")
