"""Reading one file: opened beneath its folder, hashed, looked at, and found unchanged afterwards."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import Generic, Protocol, TypeVar

from weightmark.errors import (
    ArtifactRefusedError,
    FileChangedError,
    UncheckedError,
    read_failure,
)
from weightmark.provenance.artifact import Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.manifest import MANIFEST_HEADER, SINGLE_FILE
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.blocks import NotedSink, PieceSink, hand_out, read_blocks
from weightmark.provenance.reading.columns import Column, digest_function, new_digest
from weightmark.provenance.reading.interface import BlockSink, ByteView, Watcher
from weightmark.provenance.reading.luggage import Luggage
from weightmark.provenance.reading.receipts import LEAST_SIZE, FileState, Receipts
from weightmark.provenance.reading.results import FileDigests
from weightmark.provenance.reading.shards import Sharding, ShardSink
from weightmark.provenance.reading.views import (
    CheckedView,
    DescriptorView,
    MemoryView,
    NotingView,
)
from weightmark.values import dataclass

__all__ = [
    "SMALL",
    "FileReader",
    "Inspector",
    "ProgressSink",
    "Salvage",
    "Watch",
    "label_of",
    "open_base",
]

SMALL = 1024 * 1024
"""bytes; files up to this size are read whole, and hashed and inspected from that one copy"""

T = TypeVar("T")
R = TypeVar("R")
Inspector = Callable[[str, ByteView], T]
"""called once per file with its path (a single file: its name) and a view of the very file that was hashed"""
Watch = Callable[[str, int], Watcher[T]]
"""called once per file, before its first block, with its path as an inspector gets it, and its size"""
Salvage = Callable[[str, UncheckedError], T]
"""called with the path of a file that could not be read; what it returns stands for the inspection"""


class ProgressSink(Protocol):
    """Whoever wants to know how far a reading is."""

    def advance(self, count: int, /) -> object:
        """Note that `count` more bytes were read; may be called from several threads."""
        ...


@dataclass(slots=True)
class FileReader(Generic[T]):
    """Reads single files as one reading wants them; may be shared by threads."""

    columns: tuple[Column, ...]
    """digests wanted"""
    sharding: Sharding | None = None
    """how ranges are cut, if their digests are wanted"""
    inspect: Inspector[T] | None = None
    """looks at each file while it is open"""
    watch: Watch[T] | None = None
    """takes the blocks of each file as they are hashed"""
    luggage: Luggage[T] | None = None
    """writes and reads what was seen of a file"""
    salvage: Salvage[T] | None = None
    """says something about a file that could not be read"""
    receipts: Receipts | None = None
    """spare reading files that did not change"""
    progress: ProgressSink | None = None
    """is told how many bytes were read"""
    stopped: bool = False
    """set to make whoever reads give up at the next block"""
    _functions: list[Callable[[bytes], bytes]] = field(init=False, default_factory=list)

    @property
    def looks(self) -> bool:
        """Whether anybody looks at the files, beside hashing them."""
        return self.inspect is not None or self.watch is not None

    def read_alone(self, entry: Entry, *, all_cores: bool) -> tuple[FileDigests, T | None]:
        """Read a file with folder descriptors of its own."""
        with open_base(entry.base) as base:
            return self.read(entry, base, all_cores=all_cores)

    def recall_alone(self, entry: Entry) -> tuple[FileDigests, T | None] | None:
        """Return what receipts say of a file; None when it has to be read, for whatever reason."""
        try:
            with open_base(entry.base) as base:
                return _while_open(entry, base, partial(self._recall, entry))
        except (OSError, UncheckedError):
            return None

    def read(
        self, entry: Entry, base: Beneath, *, all_cores: bool = False
    ) -> tuple[FileDigests, T | None]:
        """Read one file; what can't be read is salvaged if anybody asked for it."""
        try:
            return self._read_once(entry, base, all_cores=all_cores)
        except UncheckedError as error:
            if self.salvage is None:
                raise
            return FileDigests(entry, entry.size, "", ""), self.salvage(label_of(entry), error)

    def read_small(self, entry: Entry, base: Beneath) -> tuple[list[bytes], bytes, T | None]:
        """Read a file of at most `SMALL` bytes whole: raw digests by column, content, and what was seen.

        No receipts and no shards. Raises as `read`, but salvages nothing.
        """
        try:
            return _while_open(entry, base, partial(self._whole, entry))
        except OSError as error:
            raise read_failure(escape_path(label_of(entry)), error) from error

    def _read_once(
        self, entry: Entry, base: Beneath, *, all_cores: bool
    ) -> tuple[FileDigests, T | None]:
        """Open, hash, inspect, and make sure that the file stayed what it was."""
        if entry.size < LEAST_SIZE and not self.sharding:
            raw, data, seen = self.read_small(entry, base)
            digests = {c: one.hex() for c, one in zip(self.columns, raw, strict=True)}
            return FileDigests.of(entry, len(data), digests), seen
        try:
            return _while_open(entry, base, partial(self._read_open, entry, all_cores))
        except OSError as error:
            raise read_failure(escape_path(label_of(entry)), error) from error

    def _read_open(
        self, entry: Entry, all_cores: bool, descriptor: int, size: int
    ) -> tuple[FileDigests, T | None]:
        return self._recall(entry, descriptor, size) or self._read_bytes(
            entry, descriptor, size, all_cores=all_cores
        )

    def _read_bytes(
        self, entry: Entry, descriptor: int, size: int, *, all_cores: bool
    ) -> tuple[FileDigests, T | None]:
        """Look at a file and hash it; a receipt keeps both where one may."""
        watcher = self.watch(label_of(entry), size) if self.watch else None
        receipts = self._receipts_for(size)
        prepared = receipts.prepare(descriptor) if receipts else None
        found, seen = self._digests(entry, descriptor, size, watcher, all_cores=all_cores)
        if receipts and prepared and not self.stopped:
            receipts.note(
                descriptor, prepared, {column: found.digest(column) for column in self.columns}
            )
            self._note_seen(entry, descriptor, prepared, seen)
        return found, seen

    def _recall(
        self, entry: Entry, descriptor: int, size: int
    ) -> tuple[FileDigests, T | None] | None:
        """Return what a receipt says of an open file; None without one that says all that is wanted."""
        receipts = self._receipts_for(size)
        known = receipts.find(descriptor, self.columns) if receipts else None
        if receipts is None or known is None:
            return None
        seen = self._recall_seen(entry, descriptor, receipts)
        if self.watch and seen is None:
            return None
        if self.inspect and seen is None:
            prepared = receipts.prepare(descriptor)
            view = DescriptorView(descriptor, size, escape_path(label_of(entry)))
            seen = self.inspect(label_of(entry), view)
            if prepared:
                self._note_seen(entry, descriptor, prepared, seen)
        self._advance(size)
        return FileDigests.of(entry, size, known, remembered=True), seen

    def _receipts_for(self, size: int) -> Receipts | None:
        return self.receipts if size >= LEAST_SIZE else None

    def _recall_seen(self, entry: Entry, descriptor: int, receipts: Receipts) -> T | None:
        if not (self.looks and self.luggage and self.luggage.stamp):
            return None
        label = label_of(entry)
        packed = receipts.find_inspection(descriptor, self.luggage.stamp(), label)
        with suppress(ValueError):
            return None if packed is None else self.luggage.unpack(label, packed)
        return None

    def _note_seen(
        self, entry: Entry, descriptor: int, prepared: FileState, seen: T | None
    ) -> None:
        if seen is None or not self.receipts or not (self.luggage and self.luggage.stamp):
            return
        label = label_of(entry)
        packed = self.luggage.pack(label, seen) if self.luggage.is_final(seen) else None
        if packed is not None:
            stamp = self.luggage.stamp()
            self.receipts.note_inspection(descriptor, prepared, stamp, label, packed)

    def _seen(self, entry: Entry, view: ByteView, watcher: Watcher[T] | None) -> T | None:
        if watcher:
            return None if self.stopped else watcher.finish(view)
        return self.inspect(label_of(entry), view) if self.inspect else None

    def _digests(
        self,
        entry: Entry,
        descriptor: int,
        size: int,
        watcher: Watcher[T] | None,
        *,
        all_cores: bool,
    ) -> tuple[FileDigests, T | None]:
        """Read the file in blocks, and look at it."""
        spread = all_cores and size > SMALL
        sinks = {column: new_digest(column, all_cores=spread) for column in self.columns}
        shards = self._shard_sink(size)
        takers: list[BlockSink] = [*sinks.values()]
        if shards:
            takers.append(shards)
        seen = self._feed(entry, descriptor, size, takers, watcher, overlapped=all_cores)
        digests = {column: sink.hexdigest() for column, sink in sinks.items()}
        ranges = shards.hexdigests() if shards else ()
        found = FileDigests.of(entry, size, digests, shards=ranges, sharding=self.sharding)
        return found, seen

    def _whole(
        self, entry: Entry, descriptor: int, size: int
    ) -> tuple[list[bytes], bytes, T | None]:
        if size > SMALL:
            raise _changed(entry)
        data = os.pread(descriptor, size, 0)
        if len(data) != size:
            name = escape_path(label_of(entry))
            data = DescriptorView(descriptor, size, name).read_at(0, size)
        # A library of digests is loaded once it is needed: receipts may spare every read.
        functions = self._functions or [digest_function(column) for column in self.columns]
        self._functions = functions
        raw = [digest(data) for digest in functions]
        self._advance(size)
        if not self.looks:
            return raw, data, None
        watcher = self.watch(label_of(entry), size) if self.watch else None
        if watcher:
            watcher.update(memoryview(data))
        return raw, data, self._seen(entry, MemoryView(data), watcher)

    def _shard_sink(self, size: int) -> ShardSink | None:
        if self.sharding is None:
            return None
        self.sharding.require_bounded([size])
        return ShardSink(self.sharding)

    def _feed(
        self,
        entry: Entry,
        descriptor: int,
        size: int,
        takers: list[BlockSink],
        watcher: Watcher[T] | None,
        *,
        overlapped: bool,
    ) -> T | None:
        """Hand every block to `takers` and `watcher`; return what was seen of the very bytes that they got."""
        view = DescriptorView(descriptor, size, escape_path(label_of(entry)))
        if size <= SMALL:
            whole = MemoryView(view.read_at(0, size))
            for taker in takers:
                taker.update(memoryview(whole.data))
            if watcher:
                watcher.update(memoryview(whole.data))
            self._advance(size)
            return self._seen(entry, whole, watcher)
        if not takers and not watcher:
            return self._seen(entry, view, watcher)
        feed = partial(
            hand_out,
            read_blocks(descriptor, size, view.name),
            size=size,
            overlapped=overlapped,
            advance=self._advance,
        )
        if watcher:
            pieces = PieceSink(watcher)
            feed([*takers, pieces])
            again = CheckedView(view, pieces.digests) if pieces.digests else view
            return self._seen(entry, again, watcher)
        noting = NotingView.of(view)
        seen = self._seen(entry, noting, watcher)
        feed([*takers, NotedSink(noting)] if self.inspect else takers)
        return seen

    def _advance(self, count: int) -> bool:
        """Tell of progress; return whether to go on."""
        if self.progress:
            self.progress.advance(count)
        return not self.stopped


def _while_open(entry: Entry, base: Beneath, use: Callable[[int, int], R]) -> R:
    """Open the very file that was listed, call `use` with descriptor and size, and find it unchanged."""
    descriptor = base.file(entry.location)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or (before.st_dev, before.st_ino) != (
            entry.device,
            entry.inode,
        ):
            raise _changed(entry)
        if entry.path == SINGLE_FILE:
            _refuse_posing_manifest(entry, os.pread(descriptor, len(MANIFEST_HEADER), 0))
        result = use(descriptor, before.st_size)
        if _state(os.fstat(descriptor)) != _state(before):
            raise _changed(entry)
    finally:
        os.close(descriptor)
    return result


def label_of(entry: Entry) -> str:
    """Return the path that errors and inspectors use: a single file has only its own name."""
    name = entry.path if entry.path != SINGLE_FILE else entry.location
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def open_base(base: str) -> Beneath:
    """Open the folder beneath which files are read; raises `ReadError`."""
    try:
        return Beneath(base)
    except OSError as error:
        raise read_failure(base, error) from error


def _state(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _changed(entry: Entry) -> FileChangedError:
    return FileChangedError(
        f"`{escape_path(label_of(entry))}` changed while it was read",
        fix="run again when nothing writes to it",
    )


def _refuse_posing_manifest(entry: Entry, head: bytes) -> None:
    """A file of manifest bytes would have the identity of the tree that it lists."""
    if head.startswith(MANIFEST_HEADER.rpartition(b"/")[0] + b"/"):
        raise ArtifactRefusedError(
            f"`{escape_path(label_of(entry))}` begins like a manifest",
            why="a file of manifest bytes could pose as the tree that it lists",
            fix="name the tree itself",
        )
