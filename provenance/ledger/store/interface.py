"""The seam between the log and the database that keeps it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from weightmark.provenance.ledger.event import Event

__all__ = ["Addition", "Head", "Row", "Store", "StoreReader", "StoreWriter"]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest state of the log, as stored; reading it proves nothing."""

    size: int
    """entries"""
    root: bytes
    """32 bytes"""
    checkpoint: bytes
    """the signed checkpoint over both"""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry with what is derived from it."""

    index: int
    """its place"""
    body: bytes
    """the canonical bytes that are hashed"""
    event: Event
    """the same, parsed; the search table is filled from it"""
    keys: tuple[bytes, ...]
    """what must be unique in the whole log, as digests"""


@dataclass(frozen=True, slots=True)
class Addition:
    """Everything that one append changes; it is stored whole or not at all."""

    rows: Sequence[Row]
    """new entries, in order"""
    tiles: Mapping[tuple[int, int], bytes]
    """changed tiles by (level, index)"""
    head: Head
    """the new head"""


class StoreReader(Protocol):
    """One consistent snapshot. Every method raises `ReadError` or `LedgerInconsistentError`."""

    def head(self) -> Head:
        """Return the newest head."""
        ...

    def entries(self, start: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, body) from `start` on, in order."""
        ...

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, as many as there are."""
        ...

    def tile_names(self) -> Iterator[tuple[int, int]]:
        """Yield (level, index) of every tile, in order."""
        ...

    def index_of(self, key: bytes) -> int | None:
        """Return the entry that a unique key belongs to."""
        ...

    def counts(self) -> tuple[int, int, int]:
        """Return how many entries, unique keys and rows of the search table there are."""
        ...

    def search(self, *, subject: str | None, kind: str | None, start: int) -> Iterator[int]:
        """Yield the indices, rising, that the search table has for a subject and a kind."""
        ...

    def searchable(self, index: int) -> Mapping[str, str] | None:
        """Return one row of the search table."""
        ...


class StoreWriter(StoreReader, Protocol):
    """The one writer of the moment."""

    def add(self, addition: Addition) -> None:
        """Store an append; durable when the transaction ends."""
        ...


class Store(Protocol):
    """A database that holds one log. One thread uses it at a time."""

    def read(self) -> AbstractContextManager[StoreReader]:
        """Open a snapshot."""
        ...

    def write(self) -> AbstractContextManager[StoreWriter]:
        """Wait until no other process writes, then open a transaction; leaving it commits durably."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...
