"""Decompression of one stream in bounded steps, and a view of what it gives.

A view of a stream reads forward; going back to what it no longer keeps begins again, and the bytes
that are decompressed twice count twice against the budget.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any, cast

from weightmark.errors import ExtraMissingError, LimitError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.checked_deflate import gzip_stream, zlib_stream
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.zstd_frames import frame_end
from weightmark.scanners.limits import MEBIBYTE, Budget, over_limit
from weightmark.values import dataclass

__all__ = [
    "LARGEST_DICTIONARY",
    "SINGLE_STREAM",
    "Block",
    "Unpacked",
    "held",
    "is_streamed",
    "unpack",
]

SINGLE_STREAM = frozenset({"deflate", "joblib-zf", "lzma", "lzma-raw", "zlib"})
"""compressions of which a loader reads one stream and no more"""
LARGEST_DICTIONARY = 256 * MEBIBYTE
"""bytes that a decompressor may look back"""
_INPUT = 64 * 1024
_OUTPUT = 256 * 1024
_SALVAGED = 16
"""bytes that may be lost before the place where a stream is damaged"""
_HELD = 4 * MEBIBYTE
_LZMA_PROPERTIES = 5


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the content."""

    data: bytes
    """decompressed bytes, at most 256 KiB"""
    used: int
    """bytes of the source that were read so far"""


class Unpacked:
    """A view of decompressed bytes: reading forward is cheap, going back may start again."""

    def __init__(self, begin: Callable[[], Iterator[Block]], size: int) -> None:
        """Read what `begin()` yields; `size` is the length of the content."""
        self.size = size
        self.intact: int | None = None
        """bytes before the place where the content is damaged, once somebody came to it"""
        self.begin = begin
        self._restart()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer where the content ends.

        Raises `LimitError` when a budget is spent, `UnsupportedError` when the data are damaged.
        """
        length = max(0, min(length, self.size - offset))
        if offset < self._start:
            self._restart()
        parts = bytearray()
        while length > 0:
            while self._start + len(self._kept) <= offset:
                if not self._advance():
                    return bytes(parts)
            at = offset - self._start
            part = self._kept[at : at + length]
            parts += part
            offset += len(part)
            length -= len(part)
        return bytes(parts)

    def _restart(self) -> None:
        self._blocks = self.begin()
        self._failed: UncheckedError | None = None
        self._start = 0
        self._latest = b""
        self._kept = b""

    def _advance(self) -> bool:
        """Take the next block, and keep the one before it; False at the end of the content.

        What failed once fails again: whoever reads after the first one must not take it for the end.
        """
        if self._failed:
            raise self._failed
        try:
            block = next(self._blocks, None)
        except UncheckedError as error:
            self._failed = error
            if isinstance(error, UnsupportedError):
                self.intact = self._start + len(self._kept)
            raise
        if block is None:
            return False
        self._start += len(self._kept) - len(self._latest)
        self._kept = self._latest + block.data
        self._latest = block.data
        return True


def is_streamed(view: ByteView) -> bool:
    """Tell a view that is slow to read in any order but forward."""
    while isinstance(view, Slice):
        view = view.view
    return isinstance(view, Unpacked)


def held(view: ByteView) -> ByteView:
    """Return a small streamed view as bytes in memory, another one as it is.

    What is damaged stays a stream, so that what stands before the damage can be read.
    """
    if not is_streamed(view) or view.size > _HELD:
        return view
    try:
        return MemoryView(view.read_at(0, view.size))
    except UnsupportedError:
        return view


def unpack(kind: str, source: ByteView, budget: Budget) -> Iterator[Block]:
    """Yield the content of one stream at the start of `source`; the last block tells its end.

    Raises `LimitError` when a budget is spent, `UnsupportedError` when the stream is damaged or cut
    off, `ExtraMissingError` when what reads it is not installed.
    """
    grown = 0
    for data, used in _steps(kind, source):
        grown += len(data)
        budget.spend_decompressed(len(data))
        ratio = budget.limits.ratio
        if grown > MEBIBYTE and grown > ratio * max(1, used):
            raise over_limit(
                "ratio", f"the content grows more than {ratio} times when it is decompressed"
            )
        yield Block(data, used)


def _steps(kind: str, source: ByteView) -> Iterator[tuple[bytes, int]]:
    """Yield content and the bytes read for it; what an engine drops with its error comes before the error."""
    steps = 0
    begin = _ZstdDecoder if kind == "zstd" else _Decoder
    decoder = begin(kind, source)
    try:
        while not decoder.ended:
            data = decoder.step(_INPUT, _OUTPUT)
            steps += 1
            yield data, decoder.used
    except UnsupportedError:
        used = decoder.used
        yield from ((data, used) for data in _salvaged(begin(kind, source), steps))
        raise
    yield b"", decoder.used


def _salvaged(decoder: "_Decoder | _ZstdDecoder", steps: int) -> Iterator[bytes]:
    """Go again to the step that failed, and take it byte by byte until it fails."""
    for _ in range(steps):
        decoder.step(_INPUT, _OUTPUT)
        yield b""
    decoder.rewind()
    found = bytearray()
    with suppress(UnsupportedError):
        while not decoder.ended and len(found) < _OUTPUT:
            found += decoder.step(1, _SALVAGED)
    yield bytes(found)


class _Decoder:
    """Feeds a decompressor of the usual form from a view."""

    def __init__(self, kind: str, source: ByteView) -> None:
        self._kind, self._source = kind, source
        self._engine, self._at = _engine(kind, source)
        self._pending = b""

    @property
    def ended(self) -> bool:
        return bool(self._engine.eof)

    @property
    def used(self) -> int:
        return self._at - len(self._pending) - len(self._engine.unused_data or b"")

    def step(self, most_in: int, most_out: int) -> bytes:
        if not self._pending and getattr(self._engine, "needs_input", True):
            self._pending = self._source.read_at(self._at, most_in)
            self._at += len(self._pending)
            if not self._pending:
                raise UnsupportedError(f"the {self._kind} stream is cut off")
        try:
            data: bytes = self._engine.decompress(self._pending, most_out)
        except _errors() as error:
            raise UnsupportedError(f"the {self._kind} stream is damaged: {error}") from error
        self._pending = getattr(self._engine, "unconsumed_tail", b"")
        return data

    def rewind(self) -> None:
        """Go back to what the engine has not taken, to read it in smaller pieces."""
        self._at -= len(self._pending)
        self._pending = b""


def _engine(kind: str, source: ByteView) -> tuple[Any, int]:
    """Return a decompressor, and where in the source it begins to read."""
    import bz2
    import lzma
    import zlib

    makers: dict[str, Callable[[], tuple[Any, int]]] = {
        "bzip2": lambda: (bz2.BZ2Decompressor(), 0),
        "deflate": lambda: (zlib.decompressobj(-zlib.MAX_WBITS), 0),
        "gzip": lambda: gzip_stream(source),
        "joblib-zf": lambda: zlib_stream(source),
        "lz4": lambda: (_lz4(), 0),
        "lzma": lambda: (_lzma_alone(source), 0),
        "lzma-raw": lambda: _lzma_raw(source),
        "xz": lambda: (lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LARGEST_DICTIONARY), 0),
        "zlib": lambda: zlib_stream(source),
    }
    return makers[kind]()


def _lzma_alone(source: ByteView) -> Any:
    import lzma

    if int.from_bytes(source.read_at(1, 4), "little") > LARGEST_DICTIONARY:
        raise LimitError(f"the lzma dictionary is over {LARGEST_DICTIONARY} bytes")
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE)


def _lzma_raw(source: ByteView) -> tuple[Any, int]:
    """Return a reader of a zip's LZMA member: its version and properties come first (APPNOTE 5.8)."""
    import lzma

    head = source.read_at(0, 4 + _LZMA_PROPERTIES)
    first = head[4] if len(head) == 4 + _LZMA_PROPERTIES else 255
    if head[2:4] != bytes([_LZMA_PROPERTIES, 0]) or first >= 9 * 5 * 5:
        raise UnsupportedError("the lzma properties are not understood")
    dictionary = int.from_bytes(head[5:9], "little")
    if dictionary > LARGEST_DICTIONARY:
        raise LimitError(f"the lzma dictionary is over {LARGEST_DICTIONARY} bytes")
    chain = {
        "id": lzma.FILTER_LZMA1,
        "lc": first % 9,
        "lp": first // 9 % 5,
        "pb": first // 45,
        "dict_size": max(4096, dictionary),
    }
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chain]), len(head)
    except (lzma.LZMAError, ValueError) as error:
        raise UnsupportedError("the lzma properties are not understood") from error


def _lz4() -> Any:
    try:
        from lz4.frame import (  # type: ignore[import-untyped]  # it has no types
            LZ4FrameDecompressor,
        )
    except ImportError as error:
        raise _missing("lz4") from error
    return LZ4FrameDecompressor()


class _ZstdDecoder:
    """Reads one frame; its end is known by its blocks, which the library would read over."""

    def __init__(self, _kind: str, source: ByteView) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise _missing("zstd") from error

        self.ended = False
        self._cut: UnsupportedError | None = None
        try:
            self.used = frame_end(source)
        except UnsupportedError as error:
            self.used, self._cut = source.size, error
        engine = zstandard.ZstdDecompressor(max_window_size=LARGEST_DICTIONARY)
        file = cast("IO[bytes]", _File(Slice(source, 0, self.used)))
        self._reader = engine.stream_reader(file, read_size=_INPUT)
        self._failed = zstandard.ZstdError

    def step(self, _most_in: int, most_out: int) -> bytes:
        try:
            data = self._reader.read(most_out)
        except self._failed as error:
            raise UnsupportedError(f"the zstd stream is damaged: {error}") from error
        if not data and self._cut:
            raise self._cut
        self.ended = not data
        return data

    def rewind(self) -> None:
        """Do nothing: the library reads ahead by itself."""


class _File:
    """What the zstd library reads from."""

    def __init__(self, view: ByteView) -> None:
        self._view = view
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        data = self._view.read_at(self._at, _INPUT if size < 0 else size)
        self._at += len(data)
        return data


def _errors() -> tuple[type[Exception], ...]:
    import lzma
    import zlib

    return (zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, ValueError, MemoryError)


def _missing(kind: str) -> ExtraMissingError:
    return ExtraMissingError(
        f"what the {kind} file holds is not looked into: the extra `compress` is not installed",
        fix="run `python -m pip install 'weightmark[compress]'`",
    )
