"""A reader's own index of a log, in SQLite: filled from entries that are proven to lead to the signed root.

The operator has no hand in it, so nothing can be hidden from it. It can be removed at any time.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.errors import LedgerInconsistentError, ReadError
from weightmark.provenance.ledger.files import make_folders
from weightmark.provenance.ledger.merkle import Frontier, leaf_hash, tree_root
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.values import dataclass

if TYPE_CHECKING:
    import sqlite3

__all__ = ["IndexForm", "indexed_size", "opened_index"]

_META = "create table meta(id integer primary key check (id = 0), version integer not null, size integer not null, peaks text not null) strict;"
_BUSY_SECONDS = 60

Add = Callable[["sqlite3.Connection", int, bytes], None]
"""takes the database, the index of an entry and its bytes"""


@dataclass(frozen=True, slots=True)
class IndexForm:
    """What an index keeps of an entry."""

    version: int
    """an index of another version is made anew"""
    schema: str
    """its tables, one statement a line"""
    add: Add
    """keeps what matters of one entry"""


@contextmanager
def opened_index(
    path: Path, form: IndexForm, snapshot: LedgerSnapshot
) -> "Iterator[sqlite3.Connection]":
    """Open an index, read the entries that it lacks of `snapshot`, and prove them by the signed root.

    One of another version, or that the log does not extend, is made anew. Raises
    `LedgerInconsistentError` when the entries do not lead to the root, and `ReadError`.
    """
    import sqlite3

    make_folders([path.parent], mode=0o700)
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            _update(db, form, snapshot)
            yield db
    except sqlite3.DatabaseError as error:
        raise ReadError(
            f"the index `{path}` cannot be used: {error}",
            fix="remove it; it is made anew when it is asked for",
        ) from error


def indexed_size(path: Path, form: IndexForm) -> int:
    """Return how many entries an index has read; 0 when there is none that can be used."""
    import sqlite3

    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            row = _state(db, form)
    except sqlite3.DatabaseError:
        return 0
    return row[0] if row else 0


def _update(db: "sqlite3.Connection", form: IndexForm, snapshot: LedgerSnapshot) -> None:
    db.execute("begin immediate")
    try:
        frontier = _start(db, form, snapshot)
        if frontier.size < snapshot.head.size:
            _fill(db, form, snapshot, frontier)
        db.execute("commit")
    finally:
        if db.in_transaction:
            db.execute("rollback")


def _state(db: "sqlite3.Connection", form: IndexForm) -> tuple[int, str] | None:
    if db.execute("pragma user_version").fetchone()[0] != form.version:
        return None
    row = db.execute("select size, peaks from meta where version = ?", (form.version,)).fetchone()
    return (int(row[0]), str(row[1])) if row else None


def _start(db: "sqlite3.Connection", form: IndexForm, snapshot: LedgerSnapshot) -> Frontier:
    """Return how far the index is; make its tables when it is new or of something else."""
    row = _state(db, form)
    if row:
        frontier = Frontier.of(row[0], [bytes.fromhex(one) for one in row[1].split()])
        size = frontier.size
        if size <= snapshot.head.size and tree_root(snapshot.nodes, size) == frontier.root():
            return frontier
    tables = "select name from sqlite_schema where type = 'table'"
    for (name,) in db.execute(tables).fetchall():
        db.execute(f'drop table "{name}"')
    for statement in (_META, *form.schema.strip().splitlines()):
        db.execute(statement)
    db.execute(f"pragma user_version={form.version}")
    return Frontier()


def _fill(
    db: "sqlite3.Connection", form: IndexForm, snapshot: LedgerSnapshot, frontier: Frontier
) -> None:
    head = snapshot.head
    for index, body in snapshot.store.entries(frontier.size, head.size - frontier.size):
        if index != frontier.size:
            break
        frontier.push(leaf_hash(body))
        form.add(db, index, body)
    if (frontier.size, frontier.root()) != (head.size, head.root):
        raise LedgerInconsistentError(
            f"the entries of the ledger `{head.origin}` do not lead to the signed root",
            fix="find out why with `weightmark ledger verify`",
        )
    peaks = " ".join(one.hex() for one in frontier.peaks)
    db.execute(
        "insert or replace into meta values(0, ?, ?, ?)", (form.version, frontier.size, peaks)
    )
