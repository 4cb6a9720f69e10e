"""OCDBT, the store of newer Orbax checkpoints: the files that its manifest and its nodes name.

Source: TensorStore, "Optionally-Cooperative Distributed B+Tree (OCDBT)", storage format. A file of
data holds values and nodes one after the other; nodes are found by their magic number.
"""

import re
from collections.abc import Iterator
from typing import Final

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.streams import unpack
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.limits import MEBIBYTE, Budget, over_limit
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.window import Window
from weightmark.values import dataclass

__all__ = ["OcdbtReader"]

_MANIFEST, _NODE, _VERSIONS = b"\x0c\xdb\x3a\x2a", b"\x0c\xdb\x20\xde", b"\x0c\xdb\x12\x34"
_DATA_FILE = lazy_pattern(r"(?:^|[/!])d/[0-9a-f]{32}\Z")
_HEADER, _CHECKSUM = 12, 4
_UUID = 16
_SINGLE = 0
_UNCOMPRESSED, _ZSTD = 0, 1
_LEVEL = 4
_LONGEST = 64 * MEBIBYTE
_LONGEST_PATH = 65_536
_BLOCK = MEBIBYTE
_SHOWN = 120
_NODE_COST = 256
"""records of a format that looking at one node is worth"""
_READINGS = 4
"""how often all nodes together may read the file; values can look like nodes"""


@dataclass(frozen=True, slots=True)
class OcdbtReader:
    """Judges the paths of data files."""

    name: Final[str] = "ocdbt"

    def read(self, place: Place, examination: Examination) -> bool:
        """Walk the table of files; see `FormatReader.read`."""
        path = place.member or examination.path
        is_data = _DATA_FILE.search(path) is not None
        if not place.head.startswith((_MANIFEST, _NODE, _VERSIONS)) and not is_data:
            return False
        starts = [0]
        if not place.head.startswith(_MANIFEST):
            starts = list(_find(place.view, (_NODE, _VERSIONS), examination))
        looked = 0
        for start in starts:
            examination.budget.spend_fields(_NODE_COST)
            size = _size(place.view, start)
            with malformed_as("ZAR003", place, examination):
                _judge(place, start, size, examination)
            looked += size if size <= place.view.size - start else 0
            if looked > _READINGS * place.view.size:
                raise LimitError(f"nodes share bytes: over {_READINGS} times the file's size")
        return True


def _find(view: ByteView, magics: tuple[bytes, ...], examination: Examination) -> Iterator[int]:
    """Yield where nodes may begin."""
    pattern = re.compile(b"|".join(map(re.escape, magics)))
    at = 0
    while block := view.read_at(at, _BLOCK + len(_NODE) - 1):
        examination.budget.check_time()
        yield from (at + found.start() for found in pattern.finditer(block))
        at += _BLOCK


def _size(view: ByteView, start: int) -> int:
    return int.from_bytes(view.read_at(start + 4, 8), "little")


def _judge(place: Place, start: int, size: int, examination: Examination) -> None:
    whole = place.view.size - start
    kind = place.view.read_at(start, 4)
    if not _HEADER + _CHECKSUM < size <= whole or (kind == _MANIFEST and size != whole):
        if kind != _MANIFEST and start:
            return
        raise MalformedError(f"the OCDBT file says that it has {size} bytes, and has {whole}")
    part = Slice(place.view, start + _HEADER, size - _HEADER - _CHECKSUM)
    cursor = _Cursor(_content(part, examination.budget))
    if kind == _MANIFEST and not cursor.skip_configuration():
        return
    if kind != _MANIFEST:
        cursor.move(2 if kind == _VERSIONS else 1)
    for path in cursor.paths(examination.budget):
        if leaves(path):
            examination.find("ZAR002", place, offset=start, detail=_shown(path))


def _content(part: ByteView, budget: Budget) -> bytes:
    """Return what stands behind version and compression, unpacked."""
    version, compression = part.read_at(0, 2)
    if version:
        raise UnsupportedError(f"version {version} of OCDBT is not read")
    body = Slice(part, 2, part.size - 2)
    if compression == _UNCOMPRESSED:
        if body.size > _LONGEST:
            raise over_limit("decompressed", f"an OCDBT node is over {_LONGEST} bytes")
        return body.read_at(0, body.size)
    if compression != _ZSTD:
        raise UnsupportedError(f"compression {compression} of OCDBT is not read")
    content = bytearray()
    for block in unpack("zstd", body, budget):
        content += block.data
        if len(content) > _LONGEST:
            raise over_limit("decompressed", f"an OCDBT node is over {_LONGEST} bytes")
    return bytes(content)


class _Cursor:
    """Reads the body of a manifest or node."""

    def __init__(self, content: bytes) -> None:
        self._window = Window(MemoryView(content))
        self._at = 0

    def skip_configuration(self) -> bool:
        """Pass over the configuration; False where the rest stands in other files."""
        self.move(_UUID)
        is_single = self._varint() == _SINGLE
        self._varint()
        self._varint()
        self.move(1)
        if self._varint() == _ZSTD:
            self.move(_LEVEL)
        return is_single

    def paths(self, budget: Budget) -> Iterator[str]:
        """Yield each path; every one begins with a part of the one before it."""
        count = self._varint()
        if 2 * count > self._window.size:
            raise MalformedError(f"{count} paths do not fit into an OCDBT table")
        budget.spend_fields(count)
        shared = [0, *(self._varint() for _ in range(count - 1))]
        added = [self._varint() for _ in range(count)]
        for _ in range(count):
            self._varint()
        path = b""
        for prefix, suffix in zip(shared, added, strict=False):
            if prefix > len(path) or prefix + suffix > _LONGEST_PATH:
                raise MalformedError("a path of an OCDBT table is longer than what it is made of")
            path = path[:prefix] + self._window.take(self._at, suffix)
            self._at += suffix
            yield path.decode("utf-8", "replace")

    def move(self, size: int) -> None:
        """Pass over so many bytes."""
        self._window.take(self._at, size)
        self._at += size

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._window.number(self._at, 1)
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit of a varint
                return value
            if shift > 63:  # noqa: PLR2004 - bits of the largest number
                raise MalformedError("a number of an OCDBT table does not end")


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
