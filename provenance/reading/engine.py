"""One read: each file is opened once, and its blocks go to every digest and inspector that asked.

An inspector looks at parts of a large file first; what it saw is checked piece by piece against what
is hashed afterwards.

Many small files are read by worker processes, large ones by threads, and one large file by all
cores. Memory is bounded by the number of workers times the block size, whatever the artifact's
size, but for the results.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Generic, TypeVar

from weightmark.errors import NoInputError
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.reading.blocks import BLOCK
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.files import (
    SMALL,
    FileReader,
    Inspector,
    ProgressSink,
    Salvage,
    Watch,
)
from weightmark.provenance.reading.luggage import Luggage
from weightmark.provenance.reading.receipts import Receipts
from weightmark.provenance.reading.results import FileDigests, Reading
from weightmark.provenance.reading.shards import Sharding

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from weightmark.provenance.reading.small import SmallFiles

__all__ = [
    "BLOCK",
    "Column",
    "FileDigests",
    "Inspector",
    "Luggage",
    "ProgressSink",
    "Reading",
    "Salvage",
    "Watch",
    "read_artifact",
]

_MOST_WORKERS = 8

T = TypeVar("T")


def read_artifact(
    artifact: Artifact,
    *,
    columns: Iterable[Column] = (Column.BLAKE3,),
    sharding: Sharding | None = None,
    inspect: Inspector[T] | None = None,
    luggage: Luggage[T] | None = None,
    watch: Watch[T] | None = None,
    salvage: Salvage[T] | None = None,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Reading[T]:
    """Read every file of `artifact` once.

    `columns` are the digests wanted, `sharding` those of ranges; `inspect` sees each file while it is open, or else `watch`
    takes its blocks as they are hashed; `luggage` lets worker processes do so, and receipts keep what
    was said; `salvage` says something about a file that could not be read, where one failure must
    not hide the others; `receipts` spare reading large files that did not change (never when shards
    are asked for, nor what is watched unless they keep what was said of it); `jobs` bounds the worker threads and processes (default: the number of
    cores, at most 8). `meanwhile` is called once while threads read large files, and not where there are
    none: it is for what the caller needs next. Raises `ReadError`, `FileChangedError`, `LimitError` for too many shards, and
    `ArtifactRefusedError` for a single file that poses as a manifest.
    """
    if not artifact.entries:
        raise NoInputError(
            f"`{artifact.path}` holds no files", fix="name a folder that holds files"
        )
    if sharding:
        sharding.require_bounded(entry.size for entry in artifact.entries)
    reader = FileReader(
        tuple(sorted(set(columns))),
        sharding,
        inspect=inspect,
        watch=watch,
        luggage=luggage,
        salvage=salvage,
        receipts=None if sharding else receipts,
        progress=progress,
    )
    workers = min(jobs or os.cpu_count() or 1, _MOST_WORKERS)
    results = _Results[T](len(artifact.entries))
    _read_all(artifact.entries, reader, workers, results, meanwhile)
    return results.reading()


class _Results(Generic[T]):
    """Results as they come in, in any order."""

    def __init__(self, count: int) -> None:
        self._files: list[FileDigests | None] = [None] * count
        self._seen: dict[int, T] = {}

    def put(self, number: int, result: tuple[FileDigests, T | None]) -> None:
        """Take what was read of the entry with this number."""
        self._files[number], seen = result
        if seen is not None:
            self._seen[number] = seen

    def reading(self) -> Reading[T]:
        """Return everything in the order of the entries."""
        files = tuple(file for file in self._files if file is not None)
        if len(files) != len(self._files):
            raise RuntimeError("an entry was not read")
        return Reading(files, tuple(self._seen[number] for number in sorted(self._seen)))


def _read_all(
    entries: Sequence[Entry],
    reader: FileReader[T],
    workers: int,
    results: _Results[T],
    meanwhile: Callable[[], object] | None,
) -> None:
    """Read small files by processes or here, and meanwhile large files in threads, largest first."""
    large = [number for number, entry in enumerate(entries) if entry.size > SMALL]
    large.sort(key=lambda number: -entries[number].size)
    small: Sequence[int] = range(len(entries))
    if large:
        small = [number for number in small if entries[number].size <= SMALL]
    futures: dict[int, Future[tuple[FileDigests, T | None]]] = {}
    with ExitStack() as stack:
        crowd = _crowd([entries[number] for number in small], reader) if small else None
        if crowd:
            stack.enter_context(crowd).start(workers)
        try:
            large = [number for number in large if not _recall(number, entries, reader, results)]
            if large:
                pool = stack.enter_context(_threads(workers))
                total = sum(entries[number].size for number in large)
                for number in large:
                    most = workers > 1 and entries[number].size * workers > total
                    futures[number] = pool.submit(
                        reader.read_alone, entries[number], all_cores=most
                    )
            if futures and meanwhile:
                meanwhile()
            for place, result in crowd.results() if crowd else ():
                results.put(small[place], result)
            for number, future in futures.items():
                results.put(number, future.result())
        except BaseException:
            reader.stopped = True
            for future in futures.values():
                future.cancel()
            raise


def _crowd(entries: Sequence[Entry], reader: FileReader[T]) -> "SmallFiles[T]":
    from weightmark.provenance.reading.small import SmallFiles

    return SmallFiles(entries, reader)


def _recall(
    number: int, entries: Sequence[Entry], reader: FileReader[T], results: _Results[T]
) -> bool:
    """Take what a receipt says of a file; tell whether one said it."""
    known = reader.recall_alone(entries[number]) if reader.receipts else None
    if known:
        results.put(number, known)
    return known is not None


def _threads(count: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(count)
