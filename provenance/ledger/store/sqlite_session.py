"""What happens inside one transaction of a ledger in SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from weightmark.errors import LedgerInconsistentError
from weightmark.provenance.ledger.store.interface import (
    Addition,
    Head,
    IndexRow,
    Query,
    Row,
)
from weightmark.provenance.ledger.store.sqlite_schema import DERIVED_TABLES

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SqliteIndex", "SqliteReader", "SqliteWriter"]

_PAGE = 512
_KEYS = 512
"""keys of one lookup; SQLite takes at least 999 parameters"""
_LOOKUP = f"select key, idx from unique_key where key in ({','.join('?' * _KEYS)})"  # noqa: S608 - only question marks
_CONDITIONS = {
    "subject": "subject = :subject",
    "kind": "kind = :kind",
    "signer": "signer = :signer",
    "submitter": "submitter = :submitter",
    "since": "at >= :since",
    "until": "at < :until",
}
"""what each field of a `Query` means in SQL"""


class SqliteIndex:
    """The derived tables."""

    def __init__(self, db: "sqlite3.Connection") -> None:
        self._db = db

    def indices_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the entries that unique keys belong to."""
        found: dict[bytes, int] = {}
        for at in range(0, len(keys), _KEYS):
            some = keys[at : at + _KEYS]
            if len(some) == _KEYS:
                found.update(self._db.execute(_LOOKUP, some))
            else:
                for key in some:
                    found.update(
                        self._db.execute("select key, idx from unique_key where key = ?", (key,))
                    )
        return found

    def search(self, query: Query, *, start: int = 0, limit: int | None = None) -> Iterator[int]:
        """Yield the indices that the search table has."""
        asked = {name: getattr(query, name) for name in _CONDITIONS}
        conditions = [_CONDITIONS[name] for name, value in asked.items() if value is not None]
        if len({"subject", "signer"} & {n for n, value in asked.items() if value is not None}):
            conditions = [one.replace("kind =", "+kind =") for one in conditions]
        where = " and ".join(["idx >= :start", *conditions])
        rows = self._db.execute(
            f"select idx from search where {where} order by idx limit :limit",  # noqa: S608 - the conditions are constants
            {**asked, "start": start, "limit": -1 if limit is None else limit},
        )
        yield from (int(row[0]) for row in rows)

    def key_rows(self) -> Iterator[tuple[bytes, int]]:
        """Yield every unique key with its entry."""
        yield from self._db.execute("select key, idx from unique_key order by key")

    def rows(self, start: int, limit: int) -> Iterator[IndexRow]:
        """Yield rows of the search table."""
        rows = self._db.execute(
            "select idx, kind, subject, signer, submitter, at from search"
            " where idx >= ? order by idx limit ?",
            (start, limit),
        )
        yield from (IndexRow(*row) for row in rows)

    def counts(self) -> tuple[int, int, int]:
        """Return how many entries, unique keys and rows of the search table there are."""
        row = self._db.execute(
            "select (select count(*) from entry), (select count(*) from unique_key),"
            " (select count(*) from search)"
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def damage(self) -> str:
        """Let SQLite compare each index of the search table with the table, and check the tree of the keys."""
        for table in ("search", "unique_key"):
            said = self._db.execute(f"pragma integrity_check({table})").fetchone()[0]
            if said != "ok":
                return str(said)
        return ""


class SqliteReader:
    """One snapshot."""

    def __init__(self, db: "sqlite3.Connection") -> None:
        self._db = db

    @property
    def index(self) -> SqliteIndex:
        """The derived tables."""
        return SqliteIndex(self._db)

    def head(self) -> Head:
        """Return the newest head."""
        row = self._db.execute("select size, root, checkpoint from head").fetchone()
        if row is None:
            raise LedgerInconsistentError("the ledger has no head")
        return Head(*row)

    def entries(self, start: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, body) from `start` on, in order."""
        end = start + limit
        while start < end:
            rows = self._db.execute(
                "select idx, body from entry where idx >= ? order by idx limit ?",
                (start, min(_PAGE, end - start)),
            ).fetchall()
            yield from rows
            if not rows:
                return
            start = rows[-1][0] + 1

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        row = self._db.execute(
            "select hashes from tile where level = ? and n = ?", (level, index)
        ).fetchone()
        if row is None:
            raise LedgerInconsistentError(f"the tile {index} of level {level} is missing")
        return bytes(row[0])

    def tile_names(self) -> Iterator[tuple[int, int]]:
        """Yield (level, index) of every tile."""
        yield from self._db.execute("select level, n from tile order by level, n")


class SqliteWriter(SqliteReader):
    """The one writer of the moment."""

    def add(self, addition: Addition) -> None:
        """Store an append."""
        rows = addition.rows
        self._db.executemany("insert into entry values(?, ?)", [(r.index, r.body) for r in rows])
        self._derive(rows)
        self._db.executemany(
            "insert into tile values(?, ?, ?)"
            " on conflict(level, n) do update set hashes = excluded.hashes",
            [(level, n, hashes) for (level, n), hashes in sorted(addition.tiles.items())],
        )
        if addition.head is not None:
            self._db.execute(
                "insert into head values(0, ?, ?, ?) on conflict(id) do update set"
                " size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint",
                (addition.head.size, addition.head.root, addition.head.checkpoint),
            )

    def found(self, vkey: str) -> None:
        """Do nothing: an empty database was made with its file."""

    def reindex(self, rows: Iterable[Row]) -> None:
        """Make the derived tables anew."""
        for statement in DERIVED_TABLES:
            self._db.execute(statement)
        rest = iter(rows)
        while some := list(islice(rest, _PAGE)):
            self._derive(some)

    def _derive(self, rows: Sequence[Row]) -> None:
        self._db.executemany(
            "insert into unique_key values(?, ?)",
            sorted((key, r.index) for r in rows for key in r.keys),
        )
        self._db.executemany(
            "insert into search values(?, ?, ?, ?, ?, ?)",
            [
                (r.index, str(e.kind), e.subject, e.signer, e.submitter, e.at)
                for r in rows
                for e in (r.event,)
            ],
        )
