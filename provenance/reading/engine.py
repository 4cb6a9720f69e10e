"""One read: each file is opened once, and its blocks go to every digest and inspector that asked.

An inspector may look at parts of a large file again; what it sees is checked piece by piece against
what was hashed.

Memory is bounded by the number of workers times the block size, whatever the artifact's size.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from weightmark.errors import (
    ArtifactRefusedError,
    FileChangedError,
    NoInputError,
    UncheckedError,
    read_failure,
)
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.foreign_digests import sharded_digest
from weightmark.provenance.manifest import MANIFEST_HEADER, SINGLE_FILE, Manifest, Row
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.columns import Column, Digest, new_digest
from weightmark.provenance.reading.interface import BlockSink, ByteView, Watcher
from weightmark.provenance.reading.receipts import LEAST_SIZE, Receipts
from weightmark.provenance.reading.shards import Sharding, ShardSink
from weightmark.provenance.reading.views import (
    PIECE,
    CheckedView,
    DescriptorView,
    MemoryView,
    piece_digest,
)

__all__ = [
    "Column",
    "FileDigests",
    "Inspector",
    "ProgressSink",
    "Reading",
    "Salvage",
    "Watch",
    "read_artifact",
]

BLOCK = 4 * 1024 * 1024
"""bytes read at a time"""
SMALL = 1024 * 1024
"""files up to this size are read whole, and hashed and inspected from that one copy"""

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


@dataclass(frozen=True, slots=True)
class FileDigests:
    """What one read of one file gave."""

    entry: Entry
    """the file"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex, or empty when not asked for"""
    sha256: str
    """lowercase hex, or empty when not asked for"""
    blake2b: str = ""
    """lowercase hex, or empty when not asked for"""
    shards: tuple[str, ...] = ()
    """digests of the shards, lowercase hex; empty when not asked for, and for an empty file"""
    sharding: Sharding | None = None
    """how the shards were cut; None when not asked for"""
    remembered: bool = False
    """whether the digests are those of an earlier read, by a receipt"""

    @property
    def path(self) -> str:
        """Relative path of the file."""
        return self.entry.path

    @property
    def sharded_digest(self) -> str:
        """Size and shard digests in one text."""
        return sharded_digest(self.size, self.shards)

    def digest(self, column: Column) -> str:
        """Return one digest, lowercase hex, or empty when not asked for."""
        return {
            Column.BLAKE2B: self.blake2b,
            Column.BLAKE3: self.blake3,
            Column.SHA256: self.sha256,
        }[column]


@dataclass(frozen=True)
class Reading(Generic[T]):
    """Everything that one read of an artifact gave, in the order of the artifact's entries."""

    files: tuple[FileDigests, ...]
    """digests"""
    inspections: tuple[T, ...]
    """what the inspector returned for each file; empty without an inspector"""

    @property
    def remembered(self) -> int:
        """How many files were not read again, because receipts show that they did not change."""
        return sum(file.remembered for file in self.files)

    def manifest(self) -> Manifest:
        """Return the manifest; raises `NoInputError` for an artifact without files."""
        return Manifest.from_rows(Row(file.path, file.size, file.blake3) for file in self.files)


def read_artifact(
    artifact: Artifact,
    *,
    columns: Iterable[Column] = (Column.BLAKE3,),
    sharding: Sharding | None = None,
    inspect: Inspector[T] | None = None,
    watch: Watch[T] | None = None,
    salvage: Salvage[T] | None = None,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Reading[T]:
    """Read every file of `artifact` once.

    `columns` are the digests wanted, `sharding` those of ranges; `inspect` sees each file while it is open, or else `watch`
    takes its blocks as they are hashed; `salvage` says something about a file that could not be read,
    where one failure must not hide the others; `receipts` spare reading large files that did not
    change (never when shards are asked for or blocks are watched);
    `jobs` bounds the worker threads (default: the number of cores, at most 8). Raises `ReadError`,
    `FileChangedError`, `LimitError` for too many shards, and `ArtifactRefusedError` for a single file that poses as a manifest.
    """
    if not artifact.entries:
        raise NoInputError(
            f"`{artifact.path}` holds no files", fix="name a folder that holds files"
        )
    if sharding:
        sharding.require_bounded(entry.size for entry in artifact.entries)
    workers = min(jobs or os.cpu_count() or 1, 8)
    reader = _Reader(
        frozenset(columns),
        sharding,
        inspect=inspect,
        watch=watch,
        salvage=salvage,
        receipts=None if sharding or watch else receipts,
        progress=progress,
        alone=workers == 1 or len(artifact.entries) == 1,
    )
    with ThreadPoolExecutor(workers) as pool:
        results = _read_all(artifact.entries, reader, pool)
    inspections = tuple(seen for _, seen in results if seen is not None)
    return Reading(tuple(digests for digests, _ in results), inspections)


def _read_all(
    entries: Sequence[Entry], reader: "_Reader[T]", pool: ThreadPoolExecutor
) -> list[tuple[FileDigests, T | None]]:
    """Read small files here, one after the other, and large files in the pool, largest first."""
    large = sorted((e for e in entries if e.size > SMALL), key=lambda e: -e.size)
    futures: dict[str, Future[tuple[FileDigests, T | None]]] = {}
    folders: dict[str, Beneath] = {}
    try:
        for entry in large:
            futures[entry.path] = pool.submit(reader.read_alone, entry)
        results = []
        for entry in entries:
            if entry.path in futures:
                results.append(futures[entry.path])
            else:
                base = folders.get(entry.base) or folders.setdefault(
                    entry.base, _open_base(entry.base)
                )
                done: Future[tuple[FileDigests, T | None]] = Future()
                done.set_result(reader.read(entry, base))
                results.append(done)
        return [future.result() for future in results]
    except BaseException:
        reader.stop()
        for future in futures.values():
            future.cancel()
        raise
    finally:
        for base in folders.values():
            base.close()


class _Reader(Generic[T]):
    """Reads single files; shared by all workers."""

    def __init__(
        self,
        columns: frozenset[Column],
        sharding: Sharding | None,
        *,
        inspect: Inspector[T] | None,
        watch: Watch[T] | None,
        salvage: Salvage[T] | None,
        receipts: Receipts | None,
        progress: ProgressSink | None,
        alone: bool,
    ) -> None:
        self._columns = columns
        self._sharding = sharding
        self._inspect = inspect
        self._watch = watch
        self._salvage = salvage
        self._receipts = receipts
        self._progress = progress
        self._alone = alone
        self._stopped = False

    def stop(self) -> None:
        """Make the workers give up at their next block."""
        self._stopped = True

    def read_alone(self, entry: Entry) -> tuple[FileDigests, T | None]:
        """Read a file with folder descriptors of its own."""
        with _open_base(entry.base) as base:
            return self.read(entry, base)

    def read(self, entry: Entry, base: Beneath) -> tuple[FileDigests, T | None]:
        """Read one file; what can't be read is salvaged if anybody asked for it."""
        try:
            return self._read_once(entry, base)
        except UncheckedError as error:
            if self._salvage is None:
                raise
            return FileDigests(entry, entry.size, "", ""), self._salvage(self._label(entry), error)

    def _read_once(self, entry: Entry, base: Beneath) -> tuple[FileDigests, T | None]:
        """Open, hash, inspect, and make sure that the file stayed what it was."""
        printable = escape_path(self._label(entry))
        try:
            descriptor = base.file(entry.location)
        except OSError as error:
            raise read_failure(printable, error) from error
        try:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode) or (before.st_dev, before.st_ino) != (
                entry.device,
                entry.inode,
            ):
                raise _changed(printable)
            if entry.path == SINGLE_FILE:
                _refuse_posing_manifest(os.pread(descriptor, len(MANIFEST_HEADER), 0), printable)
            watcher = self._watch(self._label(entry), before.st_size) if self._watch else None
            found, view = self._digests(entry, descriptor, before.st_size, printable, watcher)
            seen = self._seen(entry, view, watcher)
            if _state(os.fstat(descriptor)) != _state(before):
                raise _changed(printable)
        except OSError as error:
            raise read_failure(printable, error) from error
        finally:
            os.close(descriptor)
        return found, seen

    def _seen(self, entry: Entry, view: ByteView, watcher: Watcher[T] | None) -> T | None:
        if watcher:
            return None if self._stopped else watcher.finish(view)
        return self._inspect(self._label(entry), view) if self._inspect else None

    def _digests(
        self, entry: Entry, descriptor: int, size: int, name: str, watcher: Watcher[T] | None
    ) -> tuple[FileDigests, ByteView]:
        """Read the file, or recall what was read of it before."""
        receipts = self._receipts if size >= LEAST_SIZE else None
        known = receipts.find(descriptor, self._columns) if receipts else None
        if known:
            self._advance(size)
            recalled = _file_digests(entry, size, known, (), None, remembered=True)
            return recalled, DescriptorView(descriptor, size, name)
        prepared = receipts.prepare(descriptor) if receipts else None
        sinks = self._sinks(size)
        shards = self._shard_sink(size)
        takers: list[BlockSink] = [*sinks.values()]
        if shards:
            takers.append(shards)
        if watcher:
            takers.append(watcher)
        view = self._feed(descriptor, size, name, takers, watcher)
        digests = {column: sink.hexdigest() for column, sink in sinks.items()}
        if receipts and prepared and not self._stopped:
            receipts.note(descriptor, prepared, digests)
        ranges = shards.hexdigests() if shards else ()
        return _file_digests(entry, size, digests, ranges, self._sharding), view

    @staticmethod
    def _label(entry: Entry) -> str:
        """Return the path that errors and inspectors use: a single file has only its own name."""
        name = entry.path if entry.path != SINGLE_FILE else entry.location
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    def _sinks(self, size: int) -> dict[Column, Digest]:
        all_cores = self._alone and size > SMALL
        return {column: new_digest(column, all_cores=all_cores) for column in self._columns}

    def _shard_sink(self, size: int) -> ShardSink | None:
        if self._sharding is None:
            return None
        self._sharding.require_bounded([size])
        return ShardSink(self._sharding)

    def _feed(
        self,
        descriptor: int,
        size: int,
        name: str,
        sinks: Sequence[BlockSink],
        watcher: Watcher[T] | None,
    ) -> ByteView:
        view = DescriptorView(descriptor, size, name)
        if size <= SMALL:
            small = MemoryView(view.read_at(0, size))
            self._hand_out(memoryview(small.data), sinks)
            return small
        if not sinks:
            return view
        buffer = memoryview(bytearray(BLOCK))
        pieces: list[bytes] = []
        offset = 0
        while offset < size and not self._stopped:
            block = buffer[: min(BLOCK, size - offset)]
            _fill(descriptor, block, offset, name)
            self._hand_out(block, sinks)
            if self._inspect or (watcher and watcher.looks_again):
                pieces += (
                    piece_digest(block[at : at + PIECE]) for at in range(0, len(block), PIECE)
                )
            offset += len(block)
        return CheckedView(view, tuple(pieces)) if pieces else view

    def _hand_out(self, block: memoryview, sinks: Sequence[BlockSink]) -> None:
        for sink in sinks:
            sink.update(block)
        self._advance(len(block))

    def _advance(self, count: int) -> None:
        if self._progress:
            self._progress.advance(count)


def _file_digests(
    entry: Entry,
    size: int,
    digests: Mapping[Column, str],
    shards: tuple[str, ...],
    sharding: Sharding | None,
    *,
    remembered: bool = False,
) -> FileDigests:
    return FileDigests(
        entry,
        size,
        digests.get(Column.BLAKE3, ""),
        digests.get(Column.SHA256, ""),
        digests.get(Column.BLAKE2B, ""),
        shards,
        sharding,
        remembered,
    )


def _fill(descriptor: int, block: memoryview, offset: int, name: str) -> None:
    filled = 0
    while filled < len(block):
        count = os.preadv(descriptor, [block[filled:]], offset + filled)
        if not count:
            raise _changed(name)
        filled += count


def _state(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _changed(name: str) -> FileChangedError:
    return FileChangedError(
        f"`{name}` changed while it was read", fix="run again when nothing writes to it"
    )


def _open_base(base: str) -> Beneath:
    try:
        return Beneath(base)
    except OSError as error:
        raise read_failure(base, error) from error


def _refuse_posing_manifest(head: bytes, name: str) -> None:
    """A file of manifest bytes would have the identity of the tree that it lists."""
    if head.startswith(MANIFEST_HEADER.rpartition(b"/")[0] + b"/"):
        raise ArtifactRefusedError(
            f"`{name}` begins like a manifest",
            why="a file of manifest bytes could pose as the tree that it lists",
            fix="name the tree itself",
        )
