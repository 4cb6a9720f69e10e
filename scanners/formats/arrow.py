"""Arrow and Parquet: data that no reader runs, but for one type that pyarrow unpickled until 14.0.1.

Source: CVE-2023-47248. The type stands in the schema: in Arrow's messages as it is, in Parquet's footer
in Base64 under `ARROW:schema`.
"""

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator
from typing import Final

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.values import dataclass

__all__ = ["ArrowReader"]

_FILE, _STREAM, _PARQUET = b"ARROW1\0\0", b"\xff\xff\xff\xff", b"PAR1"
_MESSAGE = 8
_TAIL = 10
_TYPE = b"arrow.py_extension_type"
_ENCODED = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
_LARGEST = 64 * MEBIBYTE


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
        yield from map(_decoded, _ENCODED.findall(footer))
    elif head.startswith(_FILE):
        yield _footer(view, _TAIL)
        yield _message(view, len(_FILE))
    elif head.startswith(_STREAM):
        yield _message(view, 0)


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
    try:
        return a2b_base64(text[: len(text) // 4 * 4])
    except Error:
        return b""
