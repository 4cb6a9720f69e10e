"""The records of a zip, parsed tolerantly (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5)."""

from dataclasses import dataclass
from struct import unpack_from

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget, over_limit

__all__ = [
    "LOCAL_SIGNATURE",
    "Directory",
    "Entry",
    "Header",
    "Span",
    "read_directories",
    "read_local",
]

LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR64_SIGNATURE = b"PK\x06\x07"
_LOCAL_SIZE, _CENTRAL_SIZE, _END_SIZE, _END64_SIZE, _LOCATOR64_SIZE = 30, 46, 22, 56, 20
_TAIL = 65535 + _END_SIZE + 4096
_CANDIDATES = 8
_ZIP64_EXTRA = 1
_FULL32 = 0xFFFFFFFF
_HAS_DESCRIPTOR = 0x8


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Bytes from `start` up to `end`."""

    start: int
    """first byte"""
    end: int
    """the byte after the last"""


@dataclass(frozen=True, slots=True)
class Header:
    """What one header says about a member."""

    name: bytes
    """raw bytes of the path"""
    version: int
    """version needed to extract, times ten"""
    flags: int
    """general purpose flags"""
    method: int
    """compression method"""
    crc: int
    """CRC-32 of the content"""
    packed: int
    """bytes as stored"""
    size: int
    """bytes of the content"""
    end: int
    """the byte after this header; for a local header, where the data begins"""

    @property
    def has_descriptor(self) -> bool:
        """Whether checksum and sizes follow the data."""
        return bool(self.flags & _HAS_DESCRIPTOR)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a central directory."""

    header: Header
    """what it says about the member"""
    local_offset: int
    """where the local header stands, data before the archive counted"""
    mode: int
    """Unix mode, or 0"""


@dataclass(frozen=True, slots=True)
class Directory:
    """A central directory and the record that ends it."""

    entries: tuple[Entry, ...]
    """its lines"""
    declared: int
    """how many lines the end record promises"""
    span: Span
    """its bytes"""
    end_span: Span
    """the bytes of the end records, the comment left out"""
    comment: int
    """declared length of the comment"""
    shift: int
    """bytes before the archive, as Python reads it"""


def read_directories(view: ByteView, budget: Budget) -> list[Directory]:
    """Return every central directory that an end record near the end of the view leads to."""
    start = max(0, view.size - _TAIL)
    tail = view.read_at(start, _TAIL)
    found: list[Directory] = []
    at = len(tail)
    for _ in range(_CANDIDATES):
        at = tail.rfind(_END_SIGNATURE, 0, at)
        if at < 0:
            break
        if len(tail) - at >= _END_SIZE:
            found += _directories_at(view, start + at, budget)
    return found


def _directories_at(view: ByteView, at: int, budget: Budget) -> list[Directory]:
    """Return Python's reading (the directory ends here) and miniz's (it begins at its offset)."""
    record = view.read_at(at, _END_SIZE)
    count, length, offset, comment = unpack_from("<HIIH", record, 10)
    first = at
    locator = view.read_at(at - _LOCATOR64_SIZE, _LOCATOR64_SIZE) if at >= _LOCATOR64_SIZE else b""
    if locator.startswith(_LOCATOR64_SIGNATURE):
        for place in (at - _LOCATOR64_SIZE - _END64_SIZE, unpack_from("<Q", locator, 8)[0]):
            record64 = view.read_at(place, _END64_SIZE) if 0 <= place < view.size else b""
            if record64.startswith(_END64_SIGNATURE) and len(record64) == _END64_SIZE:
                count, length, offset = unpack_from("<QQQ", record64, 32)
                first = place
                break
    end_span = Span(first, at + _END_SIZE)
    if not count and not length:
        return [Directory((), 0, Span(first, first), end_span, comment, first - offset)]
    starts = dict.fromkeys((first - length, offset))
    return [
        Directory(entries, count, Span(start, end), end_span, comment, start - offset)
        for start in starts
        if 0 <= start < first
        for entries, end in [
            _entries(view, start, min(first, start + length), start - offset, budget)
        ]
        if entries
    ]


def _entries(
    view: ByteView, start: int, end: int, shift: int, budget: Budget
) -> tuple[tuple[Entry, ...], int]:
    if end - start > budget.limits.directory:
        raise over_limit("directory", f"the zip directory is over {budget.limits.directory} bytes")
    data = view.read_at(start, end - start)
    entries: list[Entry] = []
    at = 0
    while data.startswith(_CENTRAL_SIGNATURE, at) and at + _CENTRAL_SIZE <= len(data):
        budget.spend_member()
        entry, at = _entry(data, at, shift)
        entries.append(entry)
    return tuple(entries), start + min(at, len(data))


def _entry(data: bytes, at: int, shift: int) -> tuple[Entry, int]:
    version, flags, method = unpack_from("<HHH", data, at + 6)
    crc, packed, size, name_size, extra_size, comment_size = unpack_from("<IIIHHH", data, at + 16)
    attributes, offset = unpack_from("<II", data, at + 38)
    name_end = at + _CENTRAL_SIZE + name_size
    extra = data[name_end : name_end + extra_size]
    size, packed, offset = _zip64(extra, (size, packed, offset))
    header = Header(
        data[at + _CENTRAL_SIZE : name_end], version, flags, method, crc, packed, size, 0
    )
    end = name_end + extra_size + comment_size
    return Entry(header, offset + shift, attributes >> 16), end


def read_local(view: ByteView, offset: int) -> Header | None:
    """Return the local header at `offset`, or None if there is none."""
    if not 0 <= offset < view.size:
        return None
    fixed = view.read_at(offset, _LOCAL_SIZE)
    if len(fixed) < _LOCAL_SIZE or not fixed.startswith(LOCAL_SIGNATURE):
        return None
    version, flags, method = unpack_from("<HHH", fixed, 4)
    crc, packed, size, name_size, extra_size = unpack_from("<IIIHH", fixed, 14)
    rest = view.read_at(offset + _LOCAL_SIZE, name_size + extra_size)
    size, packed, _ = _zip64(rest[name_size:], (size, packed, 0))
    end = offset + _LOCAL_SIZE + name_size + extra_size
    return Header(rest[:name_size], version, flags, method, crc, packed, size, end)


def _zip64(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Replace the 32-bit values that are full by those of the zip64 extra field (4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = unpack_from("<HH", extra, at)
        if kind == _ZIP64_EXTRA:
            body = extra[at + 4 : at + 4 + length]
            wide = [int.from_bytes(body[i : i + 8], "little") for i in range(0, len(body) - 7, 8)]
            size, packed, offset = (
                wide.pop(0) if value == _FULL32 and wide else value for value in values
            )
            return size, packed, offset
        at += 4 + length
    return values
