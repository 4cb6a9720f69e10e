"""A reader's own index of the entries that bind: who may write, what is revoked, what was made from what and holds which files.

Of a large log it answers in milliseconds what otherwise takes reading every entry, and no operator can
hide an entry from it. It lies beside what the reader remembers of the log, because it is trusted as much.
"""

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.provenance.ledger.event import Kind, parse_event
from weightmark.provenance.ledger.reader_index import IndexForm, indexed_size, opened_index
from weightmark.provenance.ledger.snapshot import LedgerSnapshot, LoggedEvent
from weightmark.provenance.ledger.store.interface import Query

if TYPE_CHECKING:
    import sqlite3

__all__ = ["INDEXED_KINDS", "MAX_WALK", "BindingIndex", "find_all"]

INDEXED_KINDS = frozenset(
    [Kind.POLICY, Kind.KEY, Kind.REDACT, Kind.REVOKE, Kind.REINSTATE, Kind.PROVENANCE, Kind.RELEASE]
)
"""what it keeps"""
MAX_WALK = 5000
"""entries up to which all are read each time, instead of kept in an index"""

_KIND = re.compile(rb'"kind":"([a-z]+)"')
_SUBJECT = re.compile(rb'"subject":"(wm1:[0-9a-f]{64})"')
_NAMES = frozenset(kind.value.encode() for kind in INDEXED_KINDS)
_SCHEMA = """
create table entry(idx integer primary key, kind text not null, subject text not null) strict;
create index entry_kind on entry(kind, subject);
"""


class BindingIndex:
    """The index of one log."""

    def __init__(self, folder: Path, vkey: str) -> None:
        """Name the folder, and the log by its verifier key."""
        self._path = folder / f"{hashlib.sha256(vkey.encode()).hexdigest()}.binding.db"

    def missing(self, snapshot: LedgerSnapshot) -> int:
        """Return how many entries would have to be read before it can answer."""
        return max(0, snapshot.head.size - indexed_size(self._path, _FORM))

    def find(
        self, snapshot: LedgerSnapshot, kind: str, subject: str | None, start: int
    ) -> tuple[int, ...]:
        """Return the entries of a kind that binds, from `start` on, rising; see `opened_index`."""
        with opened_index(self._path, _FORM, snapshot) as db:
            rows = db.execute(
                "select idx from entry where kind = ? and (? is null or subject = ?)"
                " and idx >= ? order by idx",
                (kind, subject, subject, start),
            )
            return tuple(row[0] for row in rows)


def find_all(
    index: BindingIndex, snapshot: LedgerSnapshot, query: Query, start: int
) -> tuple[LoggedEvent, ...]:
    """Return every entry from `start` on that a query asks for, each proven and none missing."""
    if snapshot.head.size > MAX_WALK and query.kind and query.kind in INDEXED_KINDS:
        rows = index.find(snapshot, query.kind, query.subject, start)
        return tuple(one for one in snapshot.events(rows) if query.matches(one.event))
    return tuple(one for one in snapshot.walk(query) if one.index >= start)


def _add(db: "sqlite3.Connection", index: int, body: bytes) -> None:
    """Keep an entry that binds; of others not even the fields are read, unless their kind is unclear.

    Releases are many, and no text of a canonical event can look like its `subject`.
    """
    match = _KIND.search(body)
    if match and match[1] not in _NAMES:
        return
    named = _SUBJECT.search(body)
    if match and match[1] == b"release" and named:
        row = (index, Kind.RELEASE, named[1].decode())
        db.execute("insert into entry values(?, ?, ?)", row)
        return
    event = parse_event(body)
    if event.kind in INDEXED_KINDS:
        db.execute("insert into entry values(?, ?, ?)", (index, event.kind, event.subject))


_FORM = IndexForm(2, _SCHEMA, _add)
