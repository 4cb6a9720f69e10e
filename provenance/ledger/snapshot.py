"""One verified state of a log: what is read through it is proven against the signed head."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Self

from weightmark.errors import CallError, LedgerInconsistentError, WeightmarkError
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint, verify_checkpoint
from weightmark.provenance.ledger.event import Event, parse_event
from weightmark.provenance.ledger.merkle import (
    Frontier,
    NodeReader,
    check_inclusion,
    inclusion_proof,
    leaf_hash,
    tree_root,
)
from weightmark.provenance.ledger.note import NoteVerifier
from weightmark.provenance.ledger.proof import Proof, Receipt, format_proof
from weightmark.provenance.ledger.store.interface import Query, StoreReader
from weightmark.provenance.ledger.tiles import node_reader
from weightmark.values import dataclass

__all__ = ["LedgerSnapshot", "LoggedEvent", "require_extends"]

_SEAL = object()


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event that was proven to be in the log; only a `LedgerSnapshot` makes it."""

    index: int
    """where it stands"""
    event: Event
    """what was recorded"""
    body: bytes
    """its canonical bytes"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `LedgerSnapshot` makes a LoggedEvent")


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """One verified state of the log: everything read through it is proven against its head."""

    store: StoreReader
    """the transaction that it reads in"""
    head: VerifiedCheckpoint
    """signed by the log's key, its root recomputed from the tiles"""
    nodes: NodeReader
    """the tree"""

    @classmethod
    def of(cls, store: StoreReader, verifier: NoteVerifier) -> Self:
        """Verify the stored head; raises `LedgerInconsistentError`."""
        stored = store.head()
        try:
            head = verify_checkpoint(stored.checkpoint, verifier)
        except WeightmarkError as error:
            raise LedgerInconsistentError(
                f"the head of the ledger is not signed by its key: {error.what}",
                why="the database was changed, or `log.vkey` is of another ledger",
                fix="restore the folder from a backup",
            ) from error
        nodes = node_reader(store.tile)
        columns = (stored.size, stored.root)
        if columns != (head.size, head.root) or tree_root(nodes, head.size) != head.root:
            raise LedgerInconsistentError(
                f"the tree of the ledger `{head.origin}` does not have the root that was signed",
                why="a tile or the head in the database was changed",
                fix="restore the folder from a backup",
            )
        return cls(store, head, nodes)

    def require_extends(self, older: VerifiedCheckpoint, where: str) -> None:
        """Raise `LedgerInconsistentError` unless the log grew out of `older`, which was seen at `where`."""
        require_extends(self.head, self.nodes, older, where)

    def require_grown_from(self, known: Iterable[tuple[str, VerifiedCheckpoint]]) -> None:
        """Demand that the log grew out of each checkpoint, which stands behind where it was seen; see `require_extends`."""
        for where, seen in known:
            self.require_extends(seen, where)

    def events(self, indices: Sequence[int] | range) -> Iterator[LoggedEvent]:
        """Yield entries, each proven to stand under the head."""
        for logged, _ in self._proven(indices):
            yield logged

    def walk(self, query: Query) -> tuple[LoggedEvent, ...]:
        """Read every entry and prove them all together: what is not returned is not in the log.

        Takes about 20 microseconds an entry. Raises `LedgerInconsistentError`.
        """
        frontier = Frontier()
        found: list[LoggedEvent] = []
        for index, body in self.store.entries(0, self.head.size):
            if index != frontier.size:
                break
            frontier.push(leaf_hash(body))
            event = parse_event(body)
            if query.matches(event):
                found.append(LoggedEvent(index, event, body, _SEAL))
        if frontier.size != self.head.size or frontier.root() != self.head.root:
            raise LedgerInconsistentError(
                f"the entries of the ledger `{self.head.origin}` do not lead to the signed root",
                why="an entry was changed, or is missing",
                fix="find it with `weightmark ledger verify`, and restore it from a backup",
            )
        return tuple(found)

    def receipt(self, index: int) -> Receipt:
        """Prove one entry."""
        return next(self.receipts([index]))

    def receipts(self, indices: Sequence[int]) -> Iterator[Receipt]:
        """Prove entries, each by a receipt."""
        for logged, path in self._proven(indices):
            proof = Proof(logged.index, tuple(path), self.head.note, logged.body)
            yield Receipt(logged.index, logged.event, format_proof(proof))

    def _proven(
        self, indices: Sequence[int] | range
    ) -> Iterator[tuple[LoggedEvent, Sequence[bytes]]]:
        """Yield entries with their audit paths; neighbours are read together."""
        for index in indices:
            if not 0 <= index < self.head.size:
                raise CallError(
                    f"there is no entry {index}: the ledger ends with entry {self.head.size - 1}"
                )
        for start, count in _runs(indices):
            rows = self.store.entries(start, count)
            for index in range(start, start + count):
                found = next(rows, None)
                if found is None or found[0] != index:
                    raise LedgerInconsistentError(f"entry {index} is missing from the database")
                yield self._prove(index, found[1])

    def _prove(self, index: int, body: bytes) -> tuple[LoggedEvent, Sequence[bytes]]:
        path = inclusion_proof(self.nodes, index, self.head.size)
        try:
            check_inclusion(leaf_hash(body), index, self.head.size, path, self.head.root)
        except LedgerInconsistentError as error:
            raise LedgerInconsistentError(
                f"entry {index} of the ledger `{self.head.origin}` was changed",
                why="its bytes do not lead to the signed root",
                fix="restore the folder from a backup",
            ) from error
        event = parse_event(body)
        if event.origin != self.head.origin:
            raise LedgerInconsistentError(f"entry {index} was made for the log `{event.origin}`")
        return LoggedEvent(index, event, body, _SEAL), path


def require_extends(
    head: VerifiedCheckpoint, nodes: NodeReader, older: VerifiedCheckpoint, where: str
) -> None:
    """Raise `LedgerInconsistentError` unless the tree of `nodes` under `head` grew out of `older`, which was seen at `where`."""
    if older.size > head.size:
        raise LedgerInconsistentError(
            f"the ledger `{head.origin}` was rolled back: it has {head.size} entries, "
            f"{where} knows {older.size}",
            why="an append-only log never shrinks; an older copy of the database stands here, or its key signs elsewhere, too",
            fix="restore the newest copy; nothing is signed until then",
        )
    if tree_root(nodes, older.size) != older.root:
        raise LedgerInconsistentError(
            f"the ledger `{head.origin}` was forked: its first {older.size} entries are not "
            f"those that {where} knows",
            why="history was rewritten, or the key of the ledger signs elsewhere, too",
            fix="keep both checkpoints as evidence and restore the true copy",
        )


def _runs(indices: Sequence[int] | range) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of neighbours that stand in a row."""
    if isinstance(indices, range) and indices.step == 1:
        yield indices.start, len(indices)
        return
    start, count = -1, 0
    for index in indices:
        if count and index == start + count:
            count += 1
            continue
        if count:
            yield start, count
        start, count = index, 1
    if count:
        yield start, count
