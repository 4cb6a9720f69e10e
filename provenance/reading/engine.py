"""One read: each file is opened once, and its blocks go to every digest and inspector that asked.

An inspector may look at parts of a large file again; what it sees is checked piece by piece against
what was hashed.

Memory is bounded by the number of workers times the block size, whatever the artifact's size.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
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
from weightmark.provenance.manifest import MANIFEST_HEADER, SINGLE_FILE, Manifest, Row
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.interface import BlockSink, ByteView
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
    "read_artifact",
]

BLOCK = 4 * 1024 * 1024
"""bytes read at a time"""
SMALL = 1024 * 1024
"""files up to this size are read whole, and hashed and inspected from that one copy"""

T = TypeVar("T")
Inspector = Callable[[str, ByteView], T]
"""called once per file with its path (a single file: its name) and a view of the very file that was hashed"""
Salvage = Callable[[str, UncheckedError], T]
"""called with the path of a file that could not be read; what it returns stands for the inspection"""


class Column(StrEnum):
    """A digest that a reading computes for every file."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"


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

    @property
    def path(self) -> str:
        """Relative path of the file."""
        return self.entry.path


@dataclass(frozen=True)
class Reading(Generic[T]):
    """Everything that one read of an artifact gave, in the order of the artifact's entries."""

    files: tuple[FileDigests, ...]
    """digests"""
    inspections: tuple[T, ...]
    """what the inspector returned for each file; empty without an inspector"""

    def manifest(self) -> Manifest:
        """Return the manifest; raises `NoInputError` for an artifact without files."""
        return Manifest.from_rows(Row(file.path, file.size, file.blake3) for file in self.files)


def read_artifact(
    artifact: Artifact,
    *,
    columns: Iterable[Column] = (Column.BLAKE3,),
    inspect: Inspector[T] | None = None,
    salvage: Salvage[T] | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Reading[T]:
    """Read every file of `artifact` once.

    `columns` are the digests wanted; `inspect` sees each file while it is open; `salvage` says
    something about a file that could not be read, where one failure must not hide the others;
    `jobs` bounds the worker threads (default: the number of cores, at most 8). Raises `ReadError`,
    `FileChangedError`, and `ArtifactRefusedError` for a single file that poses as a manifest.
    """
    if not artifact.entries:
        raise NoInputError(
            f"`{artifact.path}` holds no files", fix="name a folder that holds files"
        )
    workers = min(jobs or os.cpu_count() or 1, 8)
    reader = _Reader(
        frozenset(columns),
        inspect,
        salvage,
        progress,
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
        inspect: Inspector[T] | None,
        salvage: Salvage[T] | None,
        progress: ProgressSink | None,
        *,
        alone: bool,
    ) -> None:
        self._columns = columns
        self._inspect = inspect
        self._salvage = salvage
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
            sinks = self._sinks(before.st_size)
            view = self._feed(descriptor, before.st_size, printable, list(sinks.values()))
            seen = self._inspect(self._label(entry), view) if self._inspect else None
            if _state(os.fstat(descriptor)) != _state(before):
                raise _changed(printable)
        except OSError as error:
            raise read_failure(printable, error) from error
        finally:
            os.close(descriptor)
        digests = {column: sink.hexdigest() for column, sink in sinks.items()}
        sha256, blake3 = digests.get(Column.SHA256, ""), digests.get(Column.BLAKE3, "")
        return FileDigests(entry, before.st_size, blake3, sha256), seen

    @staticmethod
    def _label(entry: Entry) -> str:
        """Return the path that errors and inspectors use: a single file has only its own name."""
        name = entry.path if entry.path != SINGLE_FILE else entry.location
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    def _sinks(self, size: int) -> dict[Column, "_Digest"]:
        sinks: dict[Column, _Digest] = {}
        if Column.BLAKE3 in self._columns:
            from blake3 import blake3

            threads = blake3.AUTO if self._alone and size > SMALL else 1
            sinks[Column.BLAKE3] = blake3(max_threads=threads)
        if Column.SHA256 in self._columns:
            sinks[Column.SHA256] = hashlib.sha256()
        return sinks

    def _feed(self, descriptor: int, size: int, name: str, sinks: Sequence[BlockSink]) -> ByteView:
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
            if self._inspect:
                pieces += (
                    piece_digest(block[at : at + PIECE]) for at in range(0, len(block), PIECE)
                )
            offset += len(block)
        return CheckedView(view, tuple(pieces)) if self._inspect else view

    def _hand_out(self, block: memoryview, sinks: Sequence[BlockSink]) -> None:
        for sink in sinks:
            sink.update(block)
        if self._progress:
            self._progress.advance(len(block))


def _fill(descriptor: int, block: memoryview, offset: int, name: str) -> None:
    filled = 0
    while filled < len(block):
        count = os.preadv(descriptor, [block[filled:]], offset + filled)
        if not count:
            raise _changed(name)
        filled += count


class _Digest(BlockSink, Protocol):
    def hexdigest(self) -> str: ...


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
