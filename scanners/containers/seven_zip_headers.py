"""How large the header of a 7z grows, read before a library unpacks it (7zFormat.txt of the LZMA SDK)."""

from weightmark.errors import UnsupportedError
from weightmark.provenance.reading.interface import ByteView

__all__ = ["MAGIC", "header_size"]

MAGIC = b"7z\xbc\xaf\x27\x1c"
_START = 32
_LARGEST = 1 << 40
_PLAIN_HEADER, _ENCODED_HEADER = 1, 0x17
_PACK_INFO, _UNPACK_INFO, _SIZES, _FOLDERS, _UNPACK_SIZES = 6, 7, 9, 11, 12
_COMPLEX, _ATTRIBUTES, _ID_SIZE = 0x10, 0x20, 0x0F
_MOST_STREAMS = 32


class _Numbers:
    """Reads the numbers of a header one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        if self._at >= len(self._data):
            raise UnsupportedError("the 7z header is cut off")
        self._at += 1
        return self._data[self._at - 1]

    def skip(self, count: int) -> None:
        self._at += count

    def number(self) -> int:
        """Read a number whose first byte tells by its leading ones how many bytes follow."""
        first = self.byte()
        extra = 0
        while extra < 8 and first & 0x80 >> extra:  # noqa: PLR2004 - bits of a byte
            extra += 1
        low = int.from_bytes(bytes(self.byte() for _ in range(extra)), "little")
        high = first & (0x7F >> extra) if extra < 8 else 0  # noqa: PLR2004 - bits of a byte
        return high << 8 * extra | low


def header_size(view: ByteView) -> int:
    """Return the bytes of the header after it was unpacked.

    Raises `UnsupportedError` for a header that is cut off, or not as every writer writes it.
    """
    start = view.read_at(0, _START)
    offset, size = int.from_bytes(start[12:20], "little"), int.from_bytes(start[20:28], "little")
    if len(start) < _START or offset > _LARGEST or _START + offset + size > view.size:
        raise UnsupportedError("the 7z header reaches over the end")
    if not size:
        return 0
    if view.read_at(_START + offset, 1)[0] == _PLAIN_HEADER:
        return size
    numbers = _Numbers(view.read_at(_START + offset, min(size, 4096)))
    if numbers.byte() != _ENCODED_HEADER or numbers.byte() != _PACK_INFO:
        raise UnsupportedError("the 7z header is not understood")
    _skip_pack_info(numbers)
    return _unpack_size(numbers)


def _skip_pack_info(numbers: _Numbers) -> None:
    numbers.number()
    streams = numbers.number()
    if streams > _MOST_STREAMS:
        raise UnsupportedError("the 7z header has too many streams")
    while (kind := numbers.byte()) != 0:
        if kind != _SIZES:
            raise UnsupportedError("the 7z header is not understood")
        for _ in range(streams):
            numbers.number()


def _unpack_size(numbers: _Numbers) -> int:
    if numbers.byte() != _UNPACK_INFO or numbers.byte() != _FOLDERS:
        raise UnsupportedError("the 7z header is not understood")
    if numbers.number() != 1 or numbers.byte() != 0 or numbers.number() != 1:
        raise UnsupportedError("the 7z header is packed in more than one way")
    flags = numbers.byte()
    numbers.skip(flags & _ID_SIZE)
    if flags & _COMPLEX:
        raise UnsupportedError("the 7z header is packed in more than one way")
    if flags & _ATTRIBUTES:
        numbers.skip(numbers.number())
    if numbers.byte() != _UNPACK_SIZES:
        raise UnsupportedError("the 7z header is not understood")
    return numbers.number()
