"""Zip archives, torch's among them: every reading of them, and every member.

Loaders differ: torch (miniz) takes the first of two members of one name and ignores case and
checksums, Python takes the last. So local headers and the central directory are compared, bytes
that the directory does not list are searched, and all content is looked at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final
from zlib import crc32

from weightmark.errors import LimitError, UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.streams import Unpacked, held, unpack
from weightmark.scanners.containers.tar_headers import is_header
from weightmark.scanners.containers.zip_records import (
    LOCAL_SIGNATURE,
    Directory,
    Entry,
    Header,
    Span,
    read_directories,
    read_local,
)
from weightmark.scanners.findings import Severity
from weightmark.scanners.formats.interface import Dialect, Examination, Place
from weightmark.scanners.formats.programs import report_python_archive
from weightmark.scanners.formats.recognise import INERT, recognise
from weightmark.scanners.formats.tflite import is_described_model, is_model
from weightmark.scanners.formats.torch_packages import is_export, is_raw_weight, report_packages
from weightmark.scanners.formats.torchscript import is_source, report_source
from weightmark.scanners.formats.torchserve import is_manifest, report_manifest
from weightmark.scanners.formats.trailing import report_program_behind
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.pickles.storages import item_size
from weightmark.values import dataclass

__all__ = ["ZipReader"]

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_PATCHED = 0x20
_DEFLATED = 8
_COMPRESSIONS = {8: "deflate", 12: "bzip2", 14: "lzma-raw", 93: "zstd", 95: "xz"}
_NEWEST_VERSION = 63
_LINK, _KIND = 0o120000, 0o170000
_FILES = frozenset({0, 0o100000})
_DEVICES = frozenset({0o010000, 0o020000, 0o060000, 0o140000})
_SET_ID = 0o6000
_SHOWN_NAME = 120
_LONGEST_NAME = 4096
_BLOCK = 256 * 1024
_READINGS = 4
_CHECKED_SIZE = 16 * MEBIBYTE
_SEARCHED_MEMBER = MEBIBYTE
_DESCRIPTORS = ((b"PK\x07\x08", (16, 24)), (b"", (12, 20)))


@dataclass(frozen=True, slots=True)
class ZipReader:
    """Reads the archive at the start or at the end of the bytes."""

    name: Final[str] = "zip"

    def read(self, place: Place, examination: Examination) -> bool:
        """Compare all readings and look at all members; see `FormatReader.read`."""
        begins = place.head.startswith(LOCAL_SIGNATURE)
        expected = begins or is_model(place.head)
        if place.depth and not expected and place.view.size > _SEARCHED_MEMBER:
            return False
        directories = _own(place.view, read_directories(place.view, examination.budget))
        if not directories and not begins:
            return False
        archive = _Archive(place, examination, directories)
        archive.read()
        return True


@dataclass(slots=True)
class _Archive:
    place: Place
    examination: Examination
    directories: list[Directory]
    looked: int = 0
    models: int = 0
    exported: bool = False
    is_tar: bool = False

    def read(self) -> None:
        self.is_tar = is_header(self.place.head)  # whose reader looks at all that stands around
        entries = _distinct(entry for item in self.directories for entry in item.entries)
        dialect = _dialect(entries)
        if dialect.torch:
            kind = "torchscript" if dialect.torchscript else "torch-zip"
            self.examination.also_read_as(kind, self.place)
            self.place = replace(self.place, dialect=dialect)
        if dialect.torchscript:
            self.examination.find("TSC001", self.place)
        names = [entry.header.name for entry in entries]
        report_packages(names, self.place, self.examination)
        report_python_archive(names, self.place, self.examination)
        self.exported = is_export(names)
        if self.exported:
            self.examination.also_read_as("torch-export", self.place)
        self._compare_directories()
        self._compare_names(entries, folded=dialect.torch)
        spans = [span for entry in entries for span in self._member(entry)]
        self._search_gaps(spans)
        if dialect.torch and not dialect.torchscript:
            self._compare_storages(entries)

    def _compare_storages(self, entries: list[Entry]) -> None:
        """Compare the lengths of torch's storages with what the pickles say; torch does not."""
        sizes = {_shown(entry.header).lower(): entry.header.size for entry in entries}
        for member, storages in self.examination.storages.items():
            outer, _, name = member.rpartition("!")
            folder = name.lower().removesuffix(".pkl")
            if outer != self.place.member or folder == name.lower():
                continue
            for key, (kind, count) in storages.items():
                size = sizes.get(f"{folder}/{key}".lower())
                if size is None or size < item_size(kind) * count:
                    detail = f"storage `{key[:40]}`: {size or 0} bytes for {count} of {kind}"
                    weight = Severity.LOW if size is None else None  # torch refuses it itself
                    self.examination.find("PKL020", self.place, detail=detail, severity=weight)

    def _compare_directories(self) -> None:
        find, place = self.examination.find, self.place
        if not self.directories:
            find("ZIP010", place, detail="no central directory")
            self.examination.problem("the zip has no central directory", place)
        if len({directory.entries for directory in self.directories}) > 1:
            find("ZIP009", place, detail=f"{len(self.directories)} directories")
        for directory in self.directories:
            if directory.declared != len(directory.entries):
                detail = f"{directory.declared} members declared, {len(directory.entries)} listed"
                find("ZIP009", place, offset=directory.end_span.start, detail=detail)
            if directory.entries and directory.span.start >= directory.end_span.start:
                find(
                    "ZIP009",
                    place,
                    offset=directory.span.start,
                    detail="a directory behind the end",
                )
            after = self.place.view.size - directory.end_span.end
            outside = after != directory.comment and not self.is_tar
            if outside and directory is self.directories[0]:
                detail = f"{after} bytes, a comment of {directory.comment} declared"
                find("ZIP006", place, offset=directory.end_span.end, detail=detail)
                report_program_behind(place, directory.end_span.end, self.examination)

    def _compare_names(self, entries: list[Entry], *, folded: bool) -> None:
        seen: set[bytes] = set()
        for entry in entries:
            raw = entry.header.name
            name = raw.lower() if folded else raw
            if name in seen:
                self._find("ZIP001", entry.header, entry.local_offset)
            seen.add(name)
            if _leaves(raw) or entry.mode & _KIND == _LINK:
                self._find("ZIP008", entry.header, entry.local_offset)
            kind = entry.mode & _KIND
            if kind in _DEVICES or (kind in _FILES and entry.mode & _SET_ID):
                self._find("ZIP011", entry.header, entry.local_offset, f"mode {entry.mode:o}")
            local = read_local(self.place.view, entry.local_offset)
            for header in filter(None, (entry.header, local)):
                self._compare_unicode(header, entry.local_offset)

    def _compare_unicode(self, header: Header, offset: int) -> None:
        """Judge the second name that some unpackers write to instead of the first."""
        second = header.unicode_name
        if not second:
            return
        detail = f"Unicode path `{_printable(second)}`"
        if _leaves(second):
            self._find("ZIP008", header, offset, detail)
        elif header.name.isascii() and second != header.name:
            self._find("ZIP002", header, offset, detail)

    def _member(self, entry: Entry) -> list[Span]:
        """Look at one listed member; return the bytes that it takes."""
        local = read_local(self.place.view, entry.local_offset)
        if local is None:
            self._find("ZIP010", entry.header, entry.local_offset, "no local header")
            self.examination.problem(f"`{_shown(entry.header)}` has no local header", self.place)
            return []
        self._compare_headers(entry, local)
        readings = {(entry.header.method, entry.header.packed, entry.header.size)}
        if not local.has_descriptor or local.packed:
            readings.add((local.method, local.packed, local.size))
        for method, packed, size in sorted(readings):
            header = replace(entry.header, method=method, packed=packed, size=size, end=local.end)
            self._content(header, self.place.view.size)
        end = local.end + entry.header.packed
        if end > self.place.view.size:
            self._find("ZIP010", entry.header, entry.local_offset, "data reaches over the end")
            self.examination.problem(f"`{_shown(entry.header)}` is cut off", self.place)
        if local.has_descriptor:
            end += _descriptor_size(self.place.view, end)
        return [Span(entry.local_offset, min(end, self.place.view.size))]

    def _compare_headers(self, entry: Entry, local: Header) -> None:
        central = entry.header
        differing = [
            word
            for word, differs in (
                ("name", central.name != local.name),
                ("method", central.method != local.method),
                ("flags", (central.flags ^ local.flags) & (_ENCRYPTED | _PATCHED)),
                ("checksum", central.crc != local.crc and not _left_out(local, local.crc)),
                (
                    "packed size",
                    central.packed != local.packed and not _left_out(local, local.packed),
                ),
                ("size", central.size != local.size and not _left_out(local, local.size)),
            )
            if differs
        ]
        if differing:
            detail = f"{', '.join(differing)} (local name `{_shown(local)}`)"
            self._find("ZIP002", central, entry.local_offset, detail)
        unusual = central.flags & (_ENCRYPTED | _PATCHED)
        if unusual or central.version & 0xFF > _NEWEST_VERSION:
            detail = f"flags 0x{central.flags:x}, version {central.version & 0xFF}"
            self._find("ZIP005", central, entry.local_offset, detail)
        if central.flags & _ENCRYPTED:
            self.examination.problem(f"`{_shown(central)}` is encrypted", self.place)

    def _content(self, header: Header, limit: int) -> None:
        """Look at the content of a member whose data begin at `header.end`."""
        if header.name.endswith(b"/") and not header.size:
            return
        packed = Slice(self.place.view, header.end, max(0, min(header.packed, limit - header.end)))
        self.looked += packed.size
        if self.looked > _READINGS * self.place.view.size:
            raise LimitError(f"members share bytes: over {_READINGS} times the archive's size")
        view: ByteView
        match header.method:
            case 0:
                view = packed
            case method if method in _COMPRESSIONS:
                kind, budget = _COMPRESSIONS[method], self.examination.budget
                view = Unpacked(lambda: unpack(kind, packed, budget), header.size)
                if method != _DEFLATED:
                    self._find("ZIP005", header, header.end, f"compression method {method}")
            case _:
                self._find("ZIP005", header, header.end, f"compression method {header.method}")
                self.examination.problem(
                    f"`{_shown(header)}` uses compression method {header.method}", self.place
                )
                return
        try:
            view = held(view)
            inner = self.place.inside(_shown(header), view)
        except UncheckedError as error:
            self.examination.problem(f"`{_shown(header)}`: {error.what}", self.place)
            self._before_damage(header, view)
            return
        known = self.examination.look(inner)
        self._before_damage(header, view)
        self._special(header, inner)
        if (known and not self.place.dialect.torch) or (known and header.size <= MEBIBYTE):
            self._check_sum(header, view)
        raw = self.exported and is_raw_weight(header.name)
        if not known and not raw and not self.place.dialect.torch:
            self.examination.unknown_members += 1

    def _before_damage(self, header: Header, view: ByteView) -> None:
        """Look at what a loader is given of a member before it comes to the damaged place."""
        if isinstance(view, Unpacked) and view.intact is not None:
            intact = held(Unpacked(view.begin, view.intact))
            self.examination.look(self.place.inside(_shown(header), intact))

    def _special(self, header: Header, inner: Place) -> None:
        """Read members as what they are to this archive, or to a loader that knows their names."""
        try:
            if is_model(self.place.head):
                self.models += recognise(inner.view, inner.head) not in {*INERT, ""}
            if self.place.dialect.torchscript and is_source(header.name):
                report_source(inner, self.examination)
            if is_manifest(header.name):
                self.examination.also_read_as("torchserve", self.place)
                report_manifest(inner, self.examination)
        except UncheckedError as error:
            self.examination.problem(f"`{_shown(header)}`: {error.what}", self.place)

    def _check_sum(self, header: Header, view: ByteView) -> None:
        if header.size > _CHECKED_SIZE:
            return
        total = length = 0
        try:
            while block := view.read_at(length, _BLOCK):
                total = crc32(block, total)
                length += len(block)
        except UncheckedError as error:
            self.examination.problem(f"`{_shown(header)}`: {error.what}", self.place)
            return
        if total != header.crc or length != header.size:
            self._find("ZIP004", header, header.end)

    def _search_gaps(self, spans: list[Span]) -> None:
        """Report overlaps, and look for members in bytes that no directory lists."""
        spans = spans + [span for item in self.directories for span in (item.span, item.end_span)]
        at = 0
        for span in sorted(set(spans)):
            if span.start < at and span.end > span.start and span not in self._tails():
                self.examination.find("ZIP007", self.place, offset=span.start)
            self._search(at, span.start)
            at = max(at, span.end)
        self._search(at, self.place.view.size, trailing=True)

    def _tails(self) -> set[Span]:
        return {span for item in self.directories for span in (item.span, item.end_span)}

    def _search(self, start: int, end: int, *, trailing: bool = False) -> None:
        if start >= end:
            return
        unread = not trailing and not self.is_tar
        if unread and self.directories and not self._packed_behind_model(start, end):
            self.examination.find(
                "ZIP006", self.place, offset=start, detail=f"{end - start} bytes at {start}"
            )
            if start:
                report_program_behind(self.place, start, self.examination, end)
        for offset in _signatures(self.place.view, start, end, self.examination):
            local = read_local(self.place.view, offset)
            if local is None or local.end > end or len(local.name) > _LONGEST_NAME:
                continue
            self.examination.budget.spend_member()
            self._find("ZIP003", local, offset)
            if local.has_descriptor and not local.packed:
                local = replace(local, packed=end - local.end, size=local.size or end - local.end)
            self._content(local, end)

    def _packed_behind_model(self, start: int, end: int) -> bool:
        """Tell whether these bytes are a TFLite model, behind which no other model is packed."""
        if start or self.models or self.place.dialect.torch:
            return False
        return is_described_model(Slice(self.place.view, start, end - start), self.examination)

    def _find(self, rule: str, header: Header, offset: int, detail: str = "") -> None:
        shown = f"`{_shown(header)}`"
        self.examination.find(
            rule,
            self.place,
            offset=offset if 0 <= offset <= self.place.view.size else None,
            detail=f"{shown}: {detail}" if detail else shown,
        )


def _own(view: ByteView, directories: list[Directory]) -> list[Directory]:
    """Leave out the directories of archives that are members of this one."""
    if len(directories) < 2:  # noqa: PLR2004 - nothing to compare
        return directories
    spans = []
    for entry in directories[0].entries:
        local = read_local(view, entry.local_offset)
        if local is not None:
            spans.append(Span(local.end, local.end + entry.header.packed))
    return [
        item
        for item in directories
        if not any(span.start <= item.end_span.start < span.end for span in spans)
    ]


def _signatures(view: ByteView, start: int, end: int, examination: Examination) -> Iterator[int]:
    """Yield where local headers may begin between two offsets."""
    overlap = len(LOCAL_SIGNATURE) - 1
    while start < end:
        block = view.read_at(start, min(_BLOCK, end - start))
        examination.budget.spend_gap(len(block))
        at = block.find(LOCAL_SIGNATURE)
        while at >= 0:
            yield start + at
            at = block.find(LOCAL_SIGNATURE, at + 1)
        if len(block) <= overlap:
            return
        start += len(block) - overlap if start + len(block) < end else len(block)


def _distinct(entries: Iterable[Entry]) -> list[Entry]:
    return list(dict.fromkeys(entries))


def _dialect(entries: list[Entry]) -> Dialect:
    names = [entry.header.name.lower() for entry in entries]
    files = {name.rpartition(b"/")[2] for name in names if name.count(b"/") <= 1}
    return Dialect(torch=b"data.pkl" in files, torchscript=b"constants.pkl" in files)


def _descriptor_size(view: ByteView, at: int) -> int:
    """Return how long the data descriptor is, judged by the record that follows it."""
    data = view.read_at(at, 28)
    for magic, sizes in _DESCRIPTORS:
        for size in sizes:
            if data.startswith(magic) and data[size : size + 2] == b"PK":
                return size
    return 0


def _left_out(header: Header, value: int) -> bool:
    return header.has_descriptor and not value


def _leaves(raw: bytes) -> bool:
    name = raw.replace(b"\\", b"/")
    rooted = name.startswith(b"/") or name[1:2] == b":"
    return rooted or b".." in name.split(b"/") or any(byte < 32 for byte in name)  # noqa: PLR2004 - control characters


def _shown(header: Header) -> str:
    return _printable(header.name)


def _printable(name: bytes) -> str:
    text = name[:_SHOWN_NAME].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
