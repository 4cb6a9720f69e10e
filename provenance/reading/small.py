"""Many small files: read in batches by worker processes, and here whatever they could not read.

A worker sends digests, and what the inspector saw if somebody can write that as bytes. It sends
no errors: a file that it could not read is read again here, which raises or salvages as ever.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

from weightmark.errors import WeightmarkError
from weightmark.provenance.artifact import Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.reading.columns import DIGEST_SIZES, Column
from weightmark.provenance.reading.crew import Crew, can_fork
from weightmark.provenance.reading.files import FileReader, label_of, open_base
from weightmark.provenance.reading.luggage import Luggage
from weightmark.provenance.reading.results import FileDigests

__all__ = ["WORTH_WORKERS", "Folders", "SmallFiles"]

WORTH_WORKERS = 2000
"""files; fewer are read sooner than workers are started"""
_LEAST_BATCH = 128
_MOST_BATCHES = 4096
_SIZE, _LENGTH = 8, 4
"""bytes of a size and of a length in an answer"""

T = TypeVar("T")
Result = tuple[FileDigests, T | None]


class Folders:
    """The folders beneath which files are opened, each opened once; a context manager."""

    def __init__(self) -> None:
        self._open: dict[str, Beneath] = {}

    def __enter__(self) -> "Folders":
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._open.values():
            folder.close()

    def __getitem__(self, base: str) -> Beneath:
        """Return the folder `base`; raises `ReadError`."""
        found = self._open.get(base)
        if found is None:
            found = self._open[base] = open_base(base)
        return found


class SmallFiles(Generic[T]):
    """Small files that are read by a crew while large ones are read here."""

    def __init__(self, entries: Sequence[Entry], reader: FileReader[T]) -> None:
        """Read `entries` with `reader`, which shares nothing that is open."""
        self._entries = entries
        self._reader = reader
        self._luggage = reader.luggage if reader.looks else None
        self._batch = max(_LEAST_BATCH, -(-len(entries) // _MOST_BATCHES))
        self._crew: Crew | None = None

    def __enter__(self) -> "SmallFiles[T]":
        return self

    def __exit__(self, *_: object) -> None:
        if self._crew:
            self._crew.stop()

    def start(self, workers: int) -> None:
        """Start `workers` processes if that is worth it and possible; call it before any thread starts."""
        here = self._reader.sharding or (self._reader.looks and not self._luggage)
        if workers > 1 and len(self._entries) >= WORTH_WORKERS and not here and can_fork():
            batches = -(-len(self._entries) // self._batch)
            self._crew = Crew(workers, batches, self._work)

    def results(self) -> Iterator[tuple[int, Result[T]]]:
        """Yield the number of each entry and what was read, in any order; raises as `FileReader.read`."""
        with Folders() as folders:
            waiting = set(range(0, len(self._entries), self._batch))
            with paused_collector():
                for batch, answer in self._crew.answers() if self._crew else ():
                    waiting.discard(batch * self._batch)
                    yield from self._read_answer(batch, answer, folders)
            for first in sorted(waiting):
                for number in self._numbers(first):
                    yield number, self._read_here(number, folders)

    def _numbers(self, first: int) -> range:
        return range(first, min(first + self._batch, len(self._entries)))

    def _read_here(self, number: int, folders: Folders) -> Result[T]:
        entry = self._entries[number]
        return self._reader.read(entry, folders[entry.base])

    def _work(self, batch: int) -> bytes:
        """Read one batch; runs in a worker."""
        quiet = FileReader(
            self._reader.columns, inspect=self._reader.inspect, watch=self._reader.watch
        )
        packer = _Packer(quiet.columns, self._luggage)
        with Folders() as folders:
            for number in self._numbers(batch * self._batch):
                entry = self._entries[number]
                try:
                    raw, data, seen = quiet.read_small(entry, folders[entry.base])
                except WeightmarkError:
                    packer.skip()
                else:
                    packer.add(entry, len(data), raw, seen)
        return packer.packed()

    def _read_answer(
        self, batch: int, answer: bytes, folders: Folders
    ) -> Iterator[tuple[int, Result[T]]]:
        """Yield what a worker read of a batch, and read here what it could not."""
        numbers = self._numbers(batch * self._batch)
        read, at = bytes(answer[: len(numbers)]), len(numbers)
        sizes = struct.unpack_from(f"<{len(numbers)}Q", answer, at)
        at += len(numbers) * _SIZE
        columns = dict.fromkeys(Column, [""] * len(numbers))
        for column in self._reader.columns:
            width = 2 * DIGEST_SIZES[column]
            hexed = answer[at : (at := at + len(numbers) * width // 2)].hex()
            columns[column] = [
                hexed[start : start + width] for start in range(0, len(hexed), width)
            ]
        blake3, sha256, blake2b = (
            columns[column] for column in (Column.BLAKE3, Column.SHA256, Column.BLAKE2B)
        )
        said = self._said(answer, at, len(numbers))
        for place, number in enumerate(numbers):
            if not read[place]:
                yield number, self._read_here(number, folders)
                continue
            entry = self._entries[number]
            # A size that was listed is kept once.
            size = entry.size if entry.size == sizes[place] else sizes[place]
            found = FileDigests(entry, size, blake3[place], sha256[place], blake2b[place])
            seen = None if said is None else self._unpack(entry, said[place])
            yield number, (found, seen)
        if self._reader.progress:
            self._reader.progress.advance(sum(sizes))

    def _said(self, answer: bytes, at: int, count: int) -> list[bytes] | None:
        """Cut apart what was said of each file; None when nobody was asked."""
        if self._luggage is None:
            return None
        lengths = struct.unpack_from(f"<{count}I", answer, at)
        ends = list(accumulate(lengths, initial=at + count * _LENGTH))
        return [answer[start:end] for start, end in pairwise(ends)]

    def _unpack(self, entry: Entry, said: bytes) -> T | None:
        return self._luggage.unpack(label_of(entry), said) if self._luggage else None


class _Packer(Generic[T]):
    """Writes what a worker read of a batch, column by column."""

    def __init__(self, columns: Sequence[Column], luggage: Luggage[T] | None) -> None:
        self._luggage = luggage
        self._blank = [bytes(DIGEST_SIZES[column]) for column in columns]
        self._read = bytearray()
        self._sizes: list[int] = []
        self._digests: list[list[bytes]] = [[] for _ in columns]
        self._said: list[bytes] = []

    def skip(self) -> None:
        """Leave a file to whoever asked."""
        self._put(0, 0, self._blank, b"")

    def add(self, entry: Entry, size: int, raw: Sequence[bytes], seen: T | None) -> None:
        """Take one file."""
        said = (
            self._luggage.pack(label_of(entry), seen) if self._luggage and seen is not None else b""
        )
        if said is None:
            self.skip()
        else:
            self._put(1, size, raw, said)

    def _put(self, read: int, size: int, raw: Sequence[bytes], said: bytes) -> None:
        self._read.append(read)
        self._sizes.append(size)
        for column, digest in zip(self._digests, raw, strict=True):
            column.append(digest)
        self._said.append(said)

    def packed(self) -> bytes:
        """Return everything."""
        count = len(self._sizes)
        said = (
            [struct.pack(f"<{count}I", *map(len, self._said)), *self._said] if self._luggage else []
        )
        sizes = struct.pack(f"<{count}Q", *self._sizes)
        digests = [digest for column in self._digests for digest in column]
        return b"".join([bytes(self._read), sizes, *digests, *said])
