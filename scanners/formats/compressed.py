"""Compressed files: gzip, bzip2, xz, lzma-alone, zlib and joblib's old `ZF`.

Opened in memory up to a bound, one stream after the other as Python's loaders do; what is larger,
cut off or damaged could not be checked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from weightmark.errors import LimitError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE, Budget

__all__ = ["CompressedReader"]

_INPUT = 64 * 1024
_OUTPUT = MEBIBYTE
_ZF_HEADER = 21
_ZLIB_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_SURE = frozenset({"gzip", "bzip2", "xz", "joblib-zf"})


@dataclass(frozen=True, slots=True)
class CompressedReader:
    """Opens one compressed file and has its content looked at."""

    name: Final[str] = "compressed"

    def read(self, place: Place, examination: Examination) -> bool:
        """Decompress and look; see `FormatReader.read`."""
        kind, start = _kind(place.head)
        if not kind:
            return False
        source = Slice(place.view, start, place.view.size - start)
        if kind not in _SURE and not _begins(kind, source):
            return False
        examination.budget.spend_member()
        content = bytearray()
        broken: UncheckedError | None = None
        try:
            end = _decompress(kind, source, content, examination.budget)
        except UncheckedError as error:
            broken, end = error, source.size
        seen = len(examination.findings)
        known = examination.look(place.inside("content", MemoryView(bytes(content))))
        if (
            kind == "lzma"
            and isinstance(broken, UnsupportedError)
            and len(examination.findings) == seen
        ):
            return False  # small numbers look like the start of a stream that has no magic number
        examination.also_read_as(kind, place)
        if broken:
            examination.problem(broken.what, place)
        if not known:
            examination.unknown_members += 1
        if end < source.size and any(source.read_at(end, _INPUT)):
            examination.find("CMP001", place, offset=start + end)
            examination.look(place.inside("trailing", Slice(source, end, source.size - end)))
        return True


def _kind(head: bytes) -> tuple[str, int]:
    """Return the word for the compression and where its stream begins."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip", 0
    if head.startswith(b"BZh") and head[3:4] in b"123456789" and len(head) > 3:  # noqa: PLR2004 - the level
        return "bzip2", 0
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz", 0
    if head.startswith(b"ZF0x"):
        return "joblib-zf", _ZF_HEADER + (head[_ZF_HEADER : _ZF_HEADER + 1] == b" ")
    if head.startswith(_ZLIB_STARTS):
        return "zlib", 0
    plausible = head[:1] < b"\xe1" and head[1:3] == b"\0\0" and head[13:14] == b"\0"
    return ("lzma", 0) if plausible and any(head[3:5]) else ("", 0)


def _engine(kind: str) -> tuple[Any, Callable[[Any], bytes]]:
    """Return a decompressor, and what tells the input that it did not take."""
    import bz2
    import lzma
    import zlib

    match kind:
        case "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS), lambda engine: engine.unconsumed_tail
        case "zlib" | "joblib-zf":
            return zlib.decompressobj(), lambda engine: engine.unconsumed_tail
        case "bzip2":
            return bz2.BZ2Decompressor(), lambda _: b""
    form = lzma.FORMAT_XZ if kind == "xz" else lzma.FORMAT_ALONE
    return lzma.LZMADecompressor(form, memlimit=256 * MEBIBYTE), lambda _: b""


def _decompress(kind: str, source: ByteView, content: bytearray, budget: Budget) -> int:
    """Fill `content` with every stream; return where the last one ended."""
    end = 0
    while end < source.size:
        if end and _kind(source.read_at(end, 32))[0] != kind:
            break
        end = _stream(kind, source, end, content, budget)
        if kind in {"zlib", "joblib-zf", "lzma"}:
            break
    return end


def _stream(kind: str, source: ByteView, start: int, content: bytearray, budget: Budget) -> int:
    import lzma
    import zlib

    engine, left = _engine(kind)
    at, pending, before = start, b"", len(content)
    while not engine.eof:
        if not pending and getattr(engine, "needs_input", True):
            pending = source.read_at(at, _INPUT)
            at += len(pending)
            if not pending:
                raise UnsupportedError(f"the {kind} stream is cut off")
        try:
            block = engine.decompress(pending, _OUTPUT)
        except (zlib.error, lzma.LZMAError, OSError, ValueError, MemoryError) as error:
            raise UnsupportedError(f"the {kind} stream is damaged: {error}") from error
        pending = left(engine)
        content += block
        budget.spend_decompressed(len(block))
        _check_growth(len(content), len(content) - before, at - start, budget)
    return at - len(engine.unused_data)


def _check_growth(total: int, grown: int, used: int, budget: Budget) -> None:
    if total > budget.limits.unpacked:
        raise LimitError(f"the content is over {budget.limits.unpacked} bytes")
    if grown > MEBIBYTE and grown > budget.limits.ratio * max(1, used):
        raise LimitError(f"the content grows more than {budget.limits.ratio} times")


def _begins(kind: str, source: ByteView) -> bool:
    """Tell whether the first bytes decompress, for formats without a magic number."""
    import lzma
    import zlib

    try:
        return bool(_engine(kind)[0].decompress(source.read_at(0, _INPUT), 64))
    except (zlib.error, lzma.LZMAError, ValueError, MemoryError):
        return False
