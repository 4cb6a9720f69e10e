"""Compressed files: gzip, bzip2, xz, lzma-alone, zlib, joblib's old `ZF`, lz4 and zstd.

One stream after the other is opened, as Python's loaders do. What is small is held in memory; what is
larger is decompressed again as it is read. A stream that is cut off or damaged could not be checked.
"""

from collections.abc import Iterator
from typing import Final

from weightmark.errors import ExtraMissingError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.streams import (
    LARGEST_DICTIONARY,
    SINGLE_STREAM,
    Block,
    Unpacked,
    unpack,
)
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.trailing import look_behind
from weightmark.scanners.limits import Budget
from weightmark.values import dataclass

__all__ = ["CompressedReader"]

_INPUT = 64 * 1024
_ZF_HEADER = 21
_ZLIB_METHOD, _ZLIB_DICTIONARY, _ZLIB_CHECK = 0x08, 0x20, 31
_UNSURE = frozenset({"lzma", "zlib"})
_SKIPPABLE = tuple(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16))
_XZ_PADDING = bytes(4)
_JOBLIB_LZMA = b"\x5d\0"
_LZMA_SIZES = frozenset(size << power for power in range(31) for size in (2, 3))
_SKIPPABLE_HEADER = 8
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (tuple(b"BZh%d" % level for level in range(1, 10)), "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    ((b"\x28\xb5\x2f\xfd", *_SKIPPABLE), "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)


@dataclass(slots=True)
class _Content:
    """What the streams of one file gave, and where they ended."""

    size: int = 0
    """bytes"""
    end: int = 0
    """the offset after the last stream"""
    held: bytearray | None = None
    """the content, unless it is too large to hold"""
    broken: UncheckedError | None = None
    """why reading stopped early"""


@dataclass(frozen=True, slots=True)
class CompressedReader:
    """Opens one compressed file and has its content looked at."""

    name: Final[str] = "compressed"

    def read(self, place: Place, examination: Examination) -> bool:
        """Decompress and look; see `FormatReader.read`."""
        kind, start = _kind(place.head)
        if not kind:
            return False
        if start >= place.view.size:
            examination.also_read_as(kind, place)
            examination.problem(f"the header of the {kind} file is cut off", place)
            return True
        source = Slice(place.view, start, place.view.size - start)
        if kind in _UNSURE and not _begins(kind, source, examination.budget):
            return False
        examination.budget.spend_member()
        content = _measure(kind, source, examination.budget)
        if isinstance(content.broken, ExtraMissingError):
            examination.also_read_as(kind, place)
            raise content.broken
        seen, problems = len(examination.findings), list(examination.problems)
        known = _look(kind, source, content, place, examination)
        if _is_chance(kind, content) and len(examination.findings) == seen:
            examination.problems[:] = problems
            return False
        examination.also_read_as(kind, place)
        if content.broken:
            examination.problem(content.broken.what, place)
        if not known:
            examination.unknown_members += 1
        if not content.broken:
            _look_behind(content.end, start, place, examination)
        return True


def _is_chance(kind: str, content: _Content) -> bool:
    """Tell numbers that look like the start of a stream, where the format has no magic number."""
    if not isinstance(content.broken, UnsupportedError):
        return False
    return kind == "lzma" or (kind == "zlib" and content.size < _INPUT)


def _look(
    kind: str, source: ByteView, content: _Content, place: Place, examination: Examination
) -> bool:
    view: ByteView
    if content.held is not None:
        view = MemoryView(bytes(content.held))
        held, content.held = len(content.held), None
    else:
        view, held = Unpacked(lambda: _streams(kind, source, examination.budget), content.size), 0
    try:
        return examination.look(place.inside("content", view))
    finally:
        examination.budget.held -= held


def _look_behind(end: int, start: int, place: Place, examination: Examination) -> None:
    """Report and look at what follows the last stream, unless it is padding."""
    if look_behind(place, start + end, examination):
        examination.find("CMP001", place, offset=start + end)


def _kind(head: bytes) -> tuple[str, int]:
    """Return the word for the compression and where its stream begins."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind, 0
    if _is_zf(head):
        return "joblib-zf", _ZF_HEADER + (head[_ZF_HEADER : _ZF_HEADER + 1] == b" ")
    if len(head) > 1 and _is_zlib(head[0], head[1]):
        return "zlib", 0
    return ("lzma", 0) if _is_lzma(head) else ("", 0)


def _is_zf(head: bytes) -> bool:
    """Tell joblib's old header: `ZF`, and a length that Python reads as a hexadecimal number."""
    if not head.startswith(b"ZF") or len(head) < _ZF_HEADER:
        return False
    try:
        return int(head[2:_ZF_HEADER], 16) >= 0
    except ValueError:
        return False


def _is_lzma(head: bytes) -> bool:
    """Tell properties, a likely dictionary, and the zero that every coder begins with.

    joblib goes by the first two bytes; Python's guess takes every size that `_LZMA_SIZES` holds
    (liblzma, `alone_decoder.c`).
    """
    if head[13:14] != b"\0" or head[:1] >= b"\xe1":
        return False
    if head.startswith(_JOBLIB_LZMA):
        return True
    size = int.from_bytes(head[1:5], "little")
    return size <= LARGEST_DICTIONARY and (size in _LZMA_SIZES or not size & 0xFFFF) and size > 0


def _is_zlib(method: int, flags: int) -> bool:
    """Tell the two bytes of a zlib header, whatever its window and level (RFC 1950)."""
    deflates = method & 0x0F == _ZLIB_METHOD and method >> 4 <= 7  # noqa: PLR2004 - the largest window
    return deflates and not flags & _ZLIB_DICTIONARY and not (method << 8 | flags) % _ZLIB_CHECK


def _streams(kind: str, source: ByteView, budget: Budget) -> Iterator[Block]:
    """Yield the content of every stream in a row; frames that a loader skips are skipped."""
    at = 0
    while at < source.size:
        head = source.read_at(at, 32)
        if head.startswith(_SKIPPABLE) and kind in {"lz4", "zstd"}:
            at += _SKIPPABLE_HEADER + int.from_bytes(head[4:_SKIPPABLE_HEADER], "little")
            yield Block(b"", min(at, source.size))
            continue
        if at and kind == "xz" and head.startswith(_XZ_PADDING):
            at += _padding(source, at)
            yield Block(b"", at)
            continue
        if at and _kind(head)[0] != kind:
            return
        used = 0
        for block in unpack(kind, Slice(source, at, source.size - at), budget):
            used = block.used
            yield Block(block.data, at + used)
        at += used
        if kind in SINGLE_STREAM:
            return


def _padding(source: ByteView, at: int) -> int:
    """Return how many zeros stand between two streams of xz, in fours (xz format, 2.2)."""
    block = source.read_at(at, _INPUT)
    zeros = len(block) - len(block.lstrip(b"\0"))
    return zeros - zeros % len(_XZ_PADDING)


def _measure(kind: str, source: ByteView, budget: Budget) -> _Content:
    """Decompress once: learn the length, and hold the content if it is small enough."""
    content = _Content(held=bytearray())
    try:
        for block in _streams(kind, source, budget):
            content.size += len(block.data)
            content.end = block.used
            if content.held is None:
                continue
            if budget.held + len(block.data) > budget.limits.unpacked:
                budget.held -= len(content.held)
                content.held = None
            else:
                content.held += block.data
                budget.held += len(block.data)
    except UncheckedError as error:
        content.broken = error
    return content


def _begins(kind: str, source: ByteView, budget: Budget) -> bool:
    """Tell whether the first bytes decompress, for formats without a magic number."""
    try:
        return bool(next(unpack(kind, source, budget), Block(b"", 0)).data)
    except UnsupportedError:
        return False
