"""Many small files: read in batches by worker processes, and here whatever they could not read.

A worker sends digests, and what the inspector saw if somebody can write that as bytes. It sends
no errors: a file that it could not read is read again here, which raises or salvages as ever.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from weightmark.errors import WeightmarkError
from weightmark.provenance.artifact import Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.reading.columns import DIGEST_SIZES
from weightmark.provenance.reading.crew import Crew, can_fork
from weightmark.provenance.reading.files import FileReader, label_of, open_base
from weightmark.provenance.reading.results import FileDigests
from weightmark.values import dataclass

__all__ = ["WORTH_WORKERS", "Folders", "Luggage", "SmallFiles"]

WORTH_WORKERS = 2000
"""files; fewer are read sooner than workers are started"""
_LEAST_BATCH = 128
_MOST_BATCHES = 4096
_SIZE = struct.Struct("<Q")
_LENGTH = struct.Struct("<I")
_AGAIN, _READ = b"\x00", b"\x01"

T = TypeVar("T")
Result = tuple[FileDigests, T | None]


@dataclass(frozen=True, slots=True)
class Luggage(Generic[T]):
    """How an inspector's results travel between processes."""

    pack: Callable[[T], bytes | None]
    """write one as bytes; None for one that has to be made where it is wanted"""
    unpack: Callable[[str, bytes], T]
    """read it again, for the file with this label"""


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

    def __init__(
        self, entries: Sequence[Entry], reader: FileReader[T], luggage: Luggage[T] | None
    ) -> None:
        """Read `entries` with `reader`, which shares nothing that is open."""
        self._entries = entries
        self._reader = reader
        self._luggage = luggage
        self._batch = max(_LEAST_BATCH, -(-len(entries) // _MOST_BATCHES))
        self._crew: Crew | None = None

    def __enter__(self) -> "SmallFiles[T]":
        return self

    def __exit__(self, *_: object) -> None:
        if self._crew:
            self._crew.stop()

    def start(self, workers: int) -> None:
        """Start `workers` processes if that is worth it and possible; call it before any thread starts."""
        carried = self._reader.inspect is None or self._luggage is not None
        here = self._reader.watch or self._reader.sharding or not carried
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
        with Folders() as folders:
            return b"".join(map(self._packed(folders), self._numbers(batch * self._batch)))

    def _packed(self, folders: Folders) -> Callable[[int], bytes]:
        quiet = FileReader(self._reader.columns, inspect=self._reader.inspect)

        def read(number: int) -> bytes:
            entry = self._entries[number]
            try:
                found, seen = quiet.read(entry, folders[entry.base])
            except WeightmarkError:
                return _AGAIN
            note = self._luggage.pack(seen) if self._luggage and seen is not None else b""
            return _AGAIN if note is None else self._pack(found, note)

        return read

    def _pack(self, found: FileDigests, note: bytes) -> bytes:
        digests = b"".join(bytes.fromhex(found.digest(one)) for one in self._reader.columns)
        head = _READ + _SIZE.pack(found.size) + digests
        return head + _LENGTH.pack(len(note)) + note if self._reader.inspect else head

    def _read_answer(
        self, batch: int, answer: bytes, folders: Folders
    ) -> Iterator[tuple[int, Result[T]]]:
        at = read = 0
        for number in self._numbers(batch * self._batch):
            if answer[at : at + 1] == _AGAIN:
                at += 1
                yield number, self._read_here(number, folders)
                continue
            result, at = self._unpack(self._entries[number], answer, at + 1)
            read += result[0].size
            yield number, result
        if self._reader.progress:
            self._reader.progress.advance(read)

    def _unpack(self, entry: Entry, answer: bytes, at: int) -> tuple[Result[T], int]:
        (size,) = _SIZE.unpack_from(answer, at)
        at += _SIZE.size
        digests = {}
        for column in self._reader.columns:
            end = at + DIGEST_SIZES[column]
            digests[column] = answer[at:end].hex()
            at = end
        found = FileDigests.of(entry, size, digests)
        if self._luggage is None or self._reader.inspect is None:
            return (found, None), at
        (length,) = _LENGTH.unpack_from(answer, at)
        at += _LENGTH.size
        seen = self._luggage.unpack(label_of(entry), answer[at : at + length])
        return (found, seen), at + length
