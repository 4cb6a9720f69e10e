"""Arrow and Parquet: data that no reader runs, but for one type that pyarrow unpickled until 14.0.1.

Source: CVE-2023-47248. The type stands in the schema: in Arrow's messages as it is, in Parquet's footer
in Base64 under `ARROW:schema`.
"""

from binascii import Error, a2b_base64
from collections.abc import Iterator
from typing import Final

from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.values import dataclass

__all__ = ["ArrowReader"]

_FILE, _STREAM, _PARQUET = b"ARROW1\0\0", b"\xff\xff\xff\xff", b"PAR1"
_MESSAGE = 8
_TAIL = 10
_TYPE = b"arrow.py_extension_type"
_ENCODED = lazy_pattern(rb"[A-Za-z0-9+/]{64,}={0,2}")
_LARGEST = 64 * MEBIBYTE
_GROUP = 4
"""letters of Base64 that make whole bytes"""
_OLD_STREAM = 8
_FIELDS = (4, 64)
"""bytes of the table of fields of a message, at least and at most"""


@dataclass(frozen=True, slots=True)
class ArrowReader:
    """Looks for that type in the schema; files without it are data, and not taken."""

    name: Final[str] = "arrow"

    def read(self, place: Place, examination: Examination) -> bool:
        """Search the schemas; see `FormatReader.read`."""
        for part in _schemas(place):
            if _TYPE in part:
                examination.find("ARW001", place)
                return True
        return False


def _schemas(place: Place) -> Iterator[bytes]:
    """Yield the bytes in which a reader looks for the schema."""
    view, head = place.view, place.head
    if head.startswith(_PARQUET):
        footer = _footer(view, 8)
        yield footer
        for text in _ENCODED.findall(footer):
            yield from (_decoded(text[start:]) for start in range(_GROUP))
    elif head.startswith(_FILE):
        yield _footer(view, _TAIL)
        yield _message(view, len(_FILE))
    elif head.startswith(_STREAM):
        yield _message(view, 0)
    elif _is_old_stream(view, head):
        yield _bounded(view, 4, int.from_bytes(head[:4], "little"))


def _is_old_stream(view: ByteView, head: bytes) -> bool:
    """Tell a stream before version 0.15: the length of a message, then where its table begins."""
    if len(head) < _OLD_STREAM:
        return False
    size, table = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
    if not 0 < table < size <= min(_LARGEST, view.size - 4):
        return False
    back = int.from_bytes(view.read_at(4 + table, 4), "little", signed=True)
    fields = int.from_bytes(view.read_at(max(0, 4 + table - back), 2), "little")
    return 0 <= table - back < size and _FIELDS[0] <= fields <= _FIELDS[1] and fields % 2 == 0


def _footer(view: ByteView, tail: int) -> bytes:
    """Return the footer before the last bytes, of which the first four tell its length."""
    size = int.from_bytes(view.read_at(view.size - tail, 4), "little")
    return _bounded(view, max(0, view.size - tail - size), size)


def _message(view: ByteView, start: int) -> bytes:
    """Return the first message, which is the schema: a mark, a length, and the message."""
    prefix = view.read_at(start, _MESSAGE)
    if not prefix.startswith(_STREAM):
        return b""
    return _bounded(view, start + _MESSAGE, int.from_bytes(prefix[4:], "little"))


def _bounded(view: ByteView, start: int, size: int) -> bytes:
    size = min(size, view.size - start)
    if size > _LARGEST:
        raise over_limit("document", f"a schema of the file is over {_LARGEST} bytes")
    return view.read_at(start, size)


def _decoded(text: bytes) -> bytes:
    """Decode as many whole groups as there are; a byte before the text may look like a part of it."""
    text = text.rstrip(b"=")
    try:
        return a2b_base64(text[: len(text) // _GROUP * _GROUP])
    except Error:
        return b""
