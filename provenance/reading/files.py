"""Reading one file: opened beneath its folder, hashed, looked at, and found unchanged afterwards."""

import os
import stat
from collections.abc import Callable
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
from weightmark.provenance.reading.blocks import PieceSink, hand_out, read_blocks
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.interface import BlockSink, ByteView, Watcher
from weightmark.provenance.reading.receipts import LEAST_SIZE, Receipts
from weightmark.provenance.reading.results import FileDigests
from weightmark.provenance.reading.shards import Sharding, ShardSink
from weightmark.provenance.reading.views import CheckedView, DescriptorView, MemoryView
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
    salvage: Salvage[T] | None = None
    """says something about a file that could not be read"""
    receipts: Receipts | None = None
    """spare reading files that did not change"""
    progress: ProgressSink | None = None
    """is told how many bytes were read"""
    stopped: bool = False
    """set to make whoever reads give up at the next block"""

    def read_alone(self, entry: Entry, *, all_cores: bool) -> tuple[FileDigests, T | None]:
        """Read a file with folder descriptors of its own."""
        with open_base(entry.base) as base:
            return self.read(entry, base, all_cores=all_cores)

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

    def _read_once(
        self, entry: Entry, base: Beneath, *, all_cores: bool
    ) -> tuple[FileDigests, T | None]:
        """Open, hash, inspect, and make sure that the file stayed what it was."""
        descriptor = -1
        try:
            descriptor = base.file(entry.location)
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode) or (before.st_dev, before.st_ino) != (
                entry.device,
                entry.inode,
            ):
                raise _changed(entry)
            if entry.path == SINGLE_FILE:
                _refuse_posing_manifest(entry, os.pread(descriptor, len(MANIFEST_HEADER), 0))
            size = before.st_size
            watcher = self.watch(label_of(entry), size) if self.watch else None
            found, view = self._digests(entry, descriptor, size, watcher, all_cores=all_cores)
            seen = self._seen(entry, view, watcher)
            if _state(os.fstat(descriptor)) != _state(before):
                raise _changed(entry)
        except OSError as error:
            raise read_failure(escape_path(label_of(entry)), error) from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        return found, seen

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
    ) -> tuple[FileDigests, ByteView]:
        """Read the file, or recall what was read of it before."""
        receipts = self.receipts if size >= LEAST_SIZE else None
        known = receipts.find(descriptor, self.columns) if receipts else None
        if known:
            self._advance(size)
            recalled = FileDigests.of(entry, size, known, remembered=True)
            return recalled, DescriptorView(descriptor, size, escape_path(label_of(entry)))
        if size <= SMALL and not (receipts or watcher or self.sharding):
            return self._whole(entry, descriptor, size)
        prepared = receipts.prepare(descriptor) if receipts else None
        spread = all_cores and size > SMALL
        sinks = {column: new_digest(column, all_cores=spread) for column in self.columns}
        shards = self._shard_sink(size)
        takers: list[BlockSink] = [*sinks.values()]
        if shards:
            takers.append(shards)
        view = self._feed(entry, descriptor, size, takers, watcher, overlapped=all_cores)
        digests = {column: sink.hexdigest() for column, sink in sinks.items()}
        if receipts and prepared and not self.stopped:
            receipts.note(descriptor, prepared, digests)
        ranges = shards.hexdigests() if shards else ()
        found = FileDigests.of(entry, size, digests, shards=ranges, sharding=self.sharding)
        return found, view

    def _whole(self, entry: Entry, descriptor: int, size: int) -> tuple[FileDigests, ByteView]:
        """Read a small file of which only digests and a look are wanted: the usual case, and the quickest."""
        data = os.pread(descriptor, size, 0)
        if len(data) != size:
            name = escape_path(label_of(entry))
            data = DescriptorView(descriptor, size, name).read_at(0, size)
        digests = {}
        for column in self.columns:
            digest = new_digest(column)
            digest.update(memoryview(data))
            digests[column] = digest.hexdigest()
        self._advance(size)
        return FileDigests.of(entry, size, digests), MemoryView(data)

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
    ) -> ByteView:
        """Hand every block to `takers` and `watcher`; return a view of the very bytes that they got."""
        view = DescriptorView(descriptor, size, escape_path(label_of(entry)))
        if size <= SMALL:
            whole = MemoryView(view.read_at(0, size))
            for taker in takers:
                taker.update(memoryview(whole.data))
            if watcher:
                watcher.update(memoryview(whole.data))
            self._advance(size)
            return whole
        if not takers and not watcher:
            return view
        pieces = PieceSink(watcher) if watcher or self.inspect else None
        hand_out(
            read_blocks(descriptor, size, view.name),
            [*takers, pieces] if pieces else takers,
            size=size,
            overlapped=overlapped,
            advance=self._advance,
        )
        return CheckedView(view, pieces.digests) if pieces and pieces.digests else view

    def _advance(self, count: int) -> bool:
        """Tell of progress; return whether to go on."""
        if self.progress:
            self.progress.advance(count)
        return not self.stopped


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
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


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
