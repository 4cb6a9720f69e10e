"""The records of a zip, parsed tolerantly (APPNOTE.TXT 6.3.10, sections 4.3 and 4.5)."""

from collections.abc import Iterator
from struct import unpack_from
from typing import NamedTuple

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget, over_limit
from weightmark.values import dataclass

__all__ = [
    "LOCAL_SIGNATURE",
    "Directory",
    "Entry",
    "Header",
    "Span",
    "may_end_archive",
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
_UNICODE_PATH_EXTRA, _UNICODE_PATH_AT = 0x7075, 5
_FULL32 = 0xFFFFFFFF
_HAS_DESCRIPTOR = 0x8


class Span(NamedTuple):
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
    unicode_name: bytes = b""
    """the path once more in UTF-8, as Info-ZIP adds it (4.6.9); empty if it does not stand there"""

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


@dataclass(frozen=True, slots=True)
class _EndRecord:
    """What an end record says about the directory."""

    first: int
    """where the records begin that end the archive"""
    count: int
    """lines"""
    length: int
    """bytes"""
    offset: int
    """where it begins, data before the archive left out"""


def may_end_archive(view: ByteView) -> bool:
    """Tell whether `read_directories` has anything to look at."""
    return view.read_at(max(0, view.size - _TAIL), _TAIL).rfind(_END_SIGNATURE) >= 0


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
    """Return what every record that ends the archive here leads to."""
    record = view.read_at(at, _END_SIZE)
    comment = int.from_bytes(record[20:22], "little")
    found: list[Directory] = []
    for end in _end_records(view, at, record):
        end_span = Span(end.first, at + _END_SIZE)
        if not end.count and not end.length:
            shift = end.first - end.offset
            found.append(Directory((), 0, Span(end.first, end.first), end_span, comment, shift))
        else:
            found += _led_to(view, end, end_span, comment, budget)
    return found


def _led_to(
    view: ByteView, end: _EndRecord, end_span: Span, comment: int, budget: Budget
) -> list[Directory]:
    """Return Python's reading (the directory ends here) and miniz's (it begins at its offset)."""
    found: list[Directory] = []
    for start in dict.fromkeys((end.first - end.length, end.offset)):
        if not 0 <= start < view.size:
            continue
        stop = min(view.size, start + end.length)
        if start < end.first:
            stop = min(stop, end.first)
        shift = start - end.offset
        entries, after = _entries(view, start, stop, shift, budget)
        if entries:
            span = Span(start, after)
            found.append(Directory(entries, end.count, span, end_span, comment, shift))
    return found


def _end_records(view: ByteView, at: int, record: bytes) -> list[_EndRecord]:
    """Return what loaders may take for the end: both places of the zip64 record, and the plain one.

    Python takes the zip64 record before its locator, miniz the one that the locator names.
    """
    count, length, offset = unpack_from("<HII", record, 10)
    locator = view.read_at(at - _LOCATOR64_SIZE, _LOCATOR64_SIZE) if at >= _LOCATOR64_SIZE else b""
    found: dict[_EndRecord, None] = {}
    if locator.startswith(_LOCATOR64_SIGNATURE):
        before = at - _LOCATOR64_SIZE - _END64_SIZE
        for place in dict.fromkeys((before, unpack_from("<Q", locator, 8)[0])):
            record64 = view.read_at(place, _END64_SIZE) if 0 <= place < view.size else b""
            if record64.startswith(_END64_SIGNATURE) and len(record64) == _END64_SIZE:
                first = before if place == before else at - _LOCATOR64_SIZE
                found[_EndRecord(first, *unpack_from("<QQQ", record64, 32))] = None
    if not found or not {length, offset} & {_FULL32}:
        wide = next(iter(found), None)
        if wide is None:
            found[_EndRecord(at, count, length, offset)] = None
        elif (length, offset) != (wide.length, wide.offset):
            found[_EndRecord(wide.first, count, length, offset)] = None
    return list(found)


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
    name = data[at + _CENTRAL_SIZE : name_end]
    header = Header(name, version, flags, method, crc, packed, size, 0, _unicode_name(extra))
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
    extra = rest[name_size:]
    name = rest[:name_size]
    return Header(name, version, flags, method, crc, packed, size, end, _unicode_name(extra))


def _unicode_name(extra: bytes) -> bytes:
    """Return the path in the extra field of Info-ZIP, which follows a version and a checksum."""
    for kind, start, end in _extra_fields(extra):
        if kind == _UNICODE_PATH_EXTRA:
            return extra[start + _UNICODE_PATH_AT : end]
    return b""


def _zip64(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Replace the 32-bit values that are full by those of the zip64 extra field (4.5.3)."""
    for kind, start, end in _extra_fields(extra):
        if kind == _ZIP64_EXTRA:
            body = extra[start:end]
            wide = [int.from_bytes(body[i : i + 8], "little") for i in range(0, len(body) - 7, 8)]
            size, packed, offset = (
                wide.pop(0) if value == _FULL32 and wide else value for value in values
            )
            return size, packed, offset
    return values


def _extra_fields(extra: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the kind of each field, and where its content begins and ends."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = unpack_from("<HH", extra, at)
        yield kind, at + 4, at + 4 + length
        at += 4 + length
