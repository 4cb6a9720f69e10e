"""The seam between the log and whatever keeps it: a database, or the files of a published view."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from weightmark.provenance.ledger.event import Event
from weightmark.values import dataclass

__all__ = [
    "Addition",
    "Head",
    "IndexRow",
    "Query",
    "Row",
    "Store",
    "StoreIndex",
    "StoreReader",
    "StoreWriter",
]


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
    head: Head | None
    """the new head; None for a part of a copy, whose last part brings the head"""


@dataclass(frozen=True, slots=True)
class Query:
    """What a search asks for; a field that is None does not matter."""

    subject: str | None = None
    """`wm1:<hex>`, `sha256:<hex>` or `key:<hex>`"""
    kind: str | None = None
    """what the entry records"""
    signer: str | None = None
    """who signed the claim"""
    submitter: str | None = None
    """who signed the request"""
    since: str | None = None
    """RFC 3339 UTC by the log's clock; from this second on"""
    until: str | None = None
    """RFC 3339 UTC by the log's clock; before this second"""

    def matches(self, event: Event) -> bool:
        """Say whether an event is what the search asks for."""
        return (
            self.subject in {None, event.subject}
            and self.kind in {None, event.kind}
            and self.signer in {None, event.signer}
            and self.submitter in {None, event.submitter}
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
        )


class IndexRow(NamedTuple):
    """One row of the search table, as stored; reading it proves nothing."""

    place: int
    """of the entry"""
    kind: str
    """see `Event`"""
    subject: str
    """see `Event`"""
    signer: str
    """see `Event`"""
    submitter: str
    """see `Event`"""
    at: str
    """see `Event`"""

    @classmethod
    def of(cls, index: int, event: Event) -> "IndexRow":
        """Derive the row of an entry."""
        return cls(index, str(event.kind), event.subject, event.signer, event.submitter, event.at)


class StoreIndex(Protocol):
    """What a database derives from the entries; nothing in it is proven, all of it can be rebuilt."""

    def indices_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the entries that unique keys belong to; unknown keys are left out."""
        ...

    def search(self, query: Query, *, start: int = 0, limit: int | None = None) -> Iterator[int]:
        """Yield the indices, rising from `start` on, that the search table has for a query."""
        ...

    def key_rows(self) -> Iterator[tuple[bytes, int]]:
        """Yield every unique key with its entry, as the table has them in order."""
        ...

    def rows(self, start: int, limit: int) -> Iterator[IndexRow]:
        """Yield rows of the search table, rising from the index `start` on."""
        ...

    def counts(self) -> tuple[int, int, int]:
        """Return how many entries, unique keys and rows of the search table there are."""
        ...

    def damage(self) -> str:
        """Let the database check its own indexes and the order of its keys; empty when they agree."""
        ...


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

    @property
    def index(self) -> StoreIndex | None:
        """The derived tables; None where there are only the files of a view."""
        ...


class StoreWriter(StoreReader, Protocol):
    """The one writer of the moment."""

    @property
    def index(self) -> StoreIndex:
        """The derived tables."""
        ...

    def add(self, addition: Addition) -> None:
        """Store an append; durable when the transaction ends."""
        ...

    def found(self, vkey: str) -> None:
        """Prepare an empty place for the log of a key; raises `CallError` when a log stands there."""
        ...

    def reindex(self, rows: Iterable[Row]) -> None:
        """Make the derived tables anew from all entries, in order."""
        ...


class Store(Protocol):
    """What holds one log. One thread uses it at a time."""

    def read(self) -> AbstractContextManager[StoreReader]:
        """Open a snapshot."""
        ...

    def write(self) -> AbstractContextManager[StoreWriter]:
        """Wait until no other process writes, then open a transaction; leaving it commits durably.

        Raises `UnsupportedError` where nothing can be written.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
