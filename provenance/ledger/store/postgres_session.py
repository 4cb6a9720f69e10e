"""What happens inside one transaction of a ledger in PostgreSQL."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from weightmark.errors import CallError, LedgerInconsistentError
from weightmark.provenance.ledger.store.interface import Addition, Head, IndexRow, Query, Row
from weightmark.provenance.ledger.store.postgres_schema import (
    CREATE,
    DERIVED_TABLES,
    SCHEMA_VERSION,
)

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["PostgresIndex", "PostgresReader", "PostgresWriter", "log_exists"]

_PAGE = 512
_CONDITIONS = {
    "subject": "subject = %(subject)s",
    "kind": "kind = %(kind)s",
    "signer": "signer = %(signer)s",
    "submitter": "submitter = %(submitter)s",
    "since": 'at collate "C" >= %(since)s',
    "until": 'at collate "C" < %(until)s',
}
"""what each field of a `Query` means in SQL"""


class _Session:
    def __init__(self, db: "Connection[Any]") -> None:
        self._db = db

    def _rows(self, statement: str, values: Any = ()) -> Iterator[Any]:
        """Run a statement with binary results; statements are constants of this module."""
        with self._db.cursor(binary=True) as cursor:
            cursor.execute(statement.encode(), values)
            yield from cursor.fetchall()

    def _row(self, statement: str, values: Any = ()) -> Any:
        return next(self._rows(statement, values), None)


class PostgresIndex(_Session):
    """The derived tables."""

    def indices_of(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return the entries that unique keys belong to."""
        rows = self._rows(
            "select key, idx from weightmark.unique_key where key = any(%b)", (list(keys),)
        )
        return {bytes(key): int(at) for key, at in rows}

    def search(self, query: Query, *, start: int = 0, limit: int | None = None) -> Iterator[int]:
        """Yield the indices that the search table has."""
        asked = {name: getattr(query, name) for name in _CONDITIONS}
        conditions = [_CONDITIONS[name] for name, value in asked.items() if value is not None]
        where = " and ".join(["idx >= %(start)s", *conditions])
        rows = self._rows(
            f"select idx from weightmark.search where {where} order by idx limit %(limit)s",  # noqa: S608 - the conditions are constants
            {**asked, "start": start, "limit": limit},
        )
        yield from (int(row[0]) for row in rows)

    def key_rows(self) -> Iterator[tuple[bytes, int]]:
        """Yield every unique key with its entry."""
        last = b""
        while rows := list(
            self._rows(
                "select key, idx from weightmark.unique_key where key > %b order by key limit %s",
                (last, _PAGE),
            )
        ):
            yield from ((bytes(key), int(at)) for key, at in rows)
            last = bytes(rows[-1][0])

    def rows(self, start: int, limit: int) -> Iterator[IndexRow]:
        """Yield rows of the search table."""
        rows = self._rows(
            "select idx, kind, subject, signer, submitter, at from weightmark.search"
            " where idx >= %s order by idx limit %s",
            (start, limit),
        )
        yield from (IndexRow(*row) for row in rows)

    def counts(self) -> tuple[int, int, int]:
        """Return how many entries, unique keys and rows of the search table there are."""
        row = self._row(
            "select (select count(*) from weightmark.entry), (select count(*) from"
            " weightmark.unique_key), (select count(*) from weightmark.search)"
        )
        return int(row[0]), int(row[1]), int(row[2])

    def damage(self) -> str:
        """Compare each index of the search table with the table, where the extension `amcheck` is there."""
        row = self._row("select to_regprocedure('bt_index_check(regclass,boolean)') is not null")
        if not row[0]:
            return ""
        for name in ("search_subject", "search_signer", "search_kind", "unique_key_pkey"):
            self._row("select bt_index_check(%s::regclass, true)", (f"weightmark.{name}",))
        return ""


class PostgresReader(_Session):
    """One snapshot."""

    @property
    def index(self) -> PostgresIndex:
        """The derived tables."""
        return PostgresIndex(self._db)

    def head(self) -> Head:
        """Return the newest head."""
        row = self._row("select size, root, checkpoint from weightmark.head")
        if row is None:
            raise LedgerInconsistentError("the ledger has no head")
        return Head(int(row[0]), bytes(row[1]), bytes(row[2]))

    def entries(self, start: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Yield (index, body) from `start` on, in order."""
        end = start + limit
        while start < end:
            rows = list(
                self._rows(
                    "select idx, body from weightmark.entry where idx >= %s order by idx limit %s",
                    (start, min(_PAGE, end - start)),
                )
            )
            yield from ((int(at), bytes(body)) for at, body in rows)
            if not rows:
                return
            start = int(rows[-1][0]) + 1

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        row = self._row(
            "select hashes from weightmark.tile where level = %s and n = %s", (level, index)
        )
        if row is None:
            raise LedgerInconsistentError(f"the tile {index} of level {level} is missing")
        return bytes(row[0])

    def tile_names(self) -> Iterator[tuple[int, int]]:
        """Yield (level, index) of every tile."""
        yield from self._rows("select level, n from weightmark.tile order by level, n")


class PostgresWriter(PostgresReader):
    """The one writer of the moment."""

    def __init__(self, db: "Connection[Any]", name: str) -> None:
        super().__init__(db)
        self._name = name

    def found(self, vkey: str) -> None:
        """Make the tables for the log of a key."""
        if log_exists(self._db):
            raise CallError(
                f"there is a ledger in `{self._name}` already",
                why="a ledger is never made over something that exists",
                fix="name another database",
            )
        for statement in CREATE:
            self._db.execute(statement.encode())
        self._db.execute("insert into weightmark.log values(0, %s, %s)", (SCHEMA_VERSION, vkey))

    def add(self, addition: Addition) -> None:
        """Store an append."""
        rows = addition.rows
        with self._db.cursor() as cursor:
            with cursor.copy("copy weightmark.entry from stdin (format binary)") as copy:
                copy.set_types(("int8", "bytea"))
                for row in rows:
                    copy.write_row((row.index, row.body))
            self._derive(rows)
            cursor.executemany(
                "insert into weightmark.tile values(%s, %s, %s)"
                " on conflict(level, n) do update set hashes = excluded.hashes",
                [(level, n, hashes) for (level, n), hashes in sorted(addition.tiles.items())],
            )
            if addition.head is not None:
                cursor.execute(
                    "insert into weightmark.head values(0, %s, %s, %s) on conflict(id) do update set"
                    " size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint",
                    (addition.head.size, addition.head.root, addition.head.checkpoint),
                )

    def reindex(self, rows: Iterable[Row]) -> None:
        """Make the derived tables anew."""
        for statement in DERIVED_TABLES:
            self._db.execute(statement.encode())
        rest = iter(rows)
        while some := list(islice(rest, _PAGE)):
            self._derive(some)

    def _derive(self, rows: Sequence[Row]) -> None:
        with self._db.cursor() as cursor:
            with cursor.copy("copy weightmark.unique_key from stdin (format binary)") as copy:
                copy.set_types(("bytea", "int8"))
                for pair in sorted((key, row.index) for row in rows for key in row.keys):
                    copy.write_row(pair)
            with cursor.copy("copy weightmark.search from stdin (format binary)") as copy:
                copy.set_types(("int8", "text", "text", "text", "text", "text"))
                for row in rows:
                    copy.write_row(IndexRow.of(row.index, row.event))


def log_exists(db: "Connection[Any]") -> bool:
    """Say whether a ledger stands in the database."""
    row = db.execute("select to_regclass('weightmark.log') is not null").fetchone()
    return bool(row and row[0])
