"""The ledger in SQLite: WAL, synchronous=FULL, one transaction for everything."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from weightmark.errors import (
    LedgerInconsistentError,
    NewerSchemaError,
    ReadError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.ledger.store.interface import Addition, Head

__all__ = ["SCHEMA_VERSION", "SqliteStore", "create_database"]

APPLICATION_ID = 0x774D4C47
"""`wMLG`: the database is a ledger"""
SCHEMA_VERSION = 1
"""the `user_version` that this version writes"""
BUSY_SECONDS = 60
"""how long a writer waits for the others"""

_SCHEMA = """
create table entry(idx integer primary key, body blob not null) strict;
create table unique_key(key blob primary key, idx integer not null) strict, without rowid;
create table tile(level integer not null, n integer not null, hashes blob not null, primary key(level, n)) strict, without rowid;
create table head(id integer primary key check (id = 0), size integer not null, root blob not null, checkpoint blob not null) strict;
create table search(idx integer primary key, kind text not null, subject text not null, signer text not null, submitter text not null, at text not null) strict;
create index search_subject on search(subject, kind);
create index search_kind on search(kind);
create trigger entry_is_final before update on entry begin select raise(abort, 'entries are append-only'); end;
create trigger entry_stays before delete on entry begin select raise(abort, 'entries are append-only'); end;
create trigger entry_follows before insert on entry when new.idx is not (select coalesce(max(idx) + 1, 0) from entry) begin select raise(abort, 'entries have no gaps'); end;
create trigger key_is_final before update on unique_key begin select raise(abort, 'keys are append-only'); end;
create trigger key_stays before delete on unique_key begin select raise(abort, 'keys are append-only'); end;
create trigger tile_grows before update on tile when new.level is not old.level or new.n is not old.n or length(new.hashes) < length(old.hashes) or substr(new.hashes, 1, length(old.hashes)) is not old.hashes begin select raise(abort, 'tiles only grow'); end;
create trigger tile_stays before delete on tile begin select raise(abort, 'tiles only grow'); end;
create trigger head_grows before update on head when new.size <= old.size begin select raise(abort, 'the head only grows'); end;
create trigger head_stays before delete on head begin select raise(abort, 'the head only grows'); end;
"""

_SEARCH_COLUMNS = ("kind", "subject", "signer", "submitter", "at")
_PAGE = 256
_NO_PLACE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def create_database(path: Path) -> None:
    """Make an empty ledger database; the file must not exist."""
    try:
        with closing(_connect(path, "rwc")) as db:
            db.execute("pragma page_size=8192")
            db.execute("pragma journal_mode=wal")
            db.execute(f"pragma application_id={APPLICATION_ID}")
            db.executescript(f"begin; {_SCHEMA} pragma user_version={SCHEMA_VERSION}; commit;")
    except sqlite3.Error as error:
        raise _failure(path, error) from error


class SqliteStore:
    """One `ledger.db`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def read(self) -> Iterator["SqliteSession"]:
        """Open a snapshot."""
        with self._translated():
            if self._reader is None:
                self._reader = _open_to_read(self._path)
            self._reader.execute("begin")
            try:
                yield SqliteSession(self._reader)
            finally:
                self._reader.execute("rollback")

    @contextmanager
    def write(self) -> Iterator["SqliteSession"]:
        """Wait for the other writers, then open a transaction; leaving it commits durably."""
        with self._translated():
            if self._writer is None:
                self._writer = _open(self._path, "rw")
            db = self._writer
            db.execute("begin immediate")
            try:
                yield SqliteSession(db)
                db.execute("commit")
            finally:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("rollback")

    def close(self) -> None:
        """Close both connections; the last one folds the write-ahead log into the database."""
        for db in (self._reader, self._writer):
            if db is not None:
                with suppress(sqlite3.Error):
                    db.close()
        self._reader = self._writer = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _failure(self._path, error) from error


class SqliteSession:
    """What happens inside one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

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

    def index_of(self, key: bytes) -> int | None:
        """Return the entry that a unique key belongs to."""
        row = self._db.execute("select idx from unique_key where key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def counts(self) -> tuple[int, int, int]:
        """Return how many entries, unique keys and rows of the search table there are."""
        row = self._db.execute(
            "select (select count(*) from entry), (select count(*) from unique_key),"
            " (select count(*) from search)"
        ).fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def search(self, *, subject: str | None, kind: str | None, start: int) -> Iterator[int]:
        """Yield the indices that the search table has."""
        rows = self._db.execute(
            "select idx from search where idx >= :start and (:subject is null or subject = :subject)"
            " and (:kind is null or kind = :kind) order by idx",
            {"start": start, "subject": subject, "kind": kind},
        )
        yield from (int(row[0]) for row in rows)

    def searchable(self, index: int) -> Mapping[str, str] | None:
        """Return one row of the search table."""
        row = self._db.execute(
            "select kind, subject, signer, submitter, at from search where idx = ?", (index,)
        ).fetchone()
        return None if row is None else dict(zip(_SEARCH_COLUMNS, row, strict=True))

    def add(self, addition: Addition) -> None:
        """Store an append."""
        rows, head = addition.rows, addition.head
        self._db.executemany("insert into entry values(?, ?)", [(r.index, r.body) for r in rows])
        self._db.executemany(
            "insert into unique_key values(?, ?)", [(key, r.index) for r in rows for key in r.keys]
        )
        self._db.executemany(
            "insert into search values(?, ?, ?, ?, ?, ?)",
            [(r.index, *(str(getattr(r.event, c)) for c in _SEARCH_COLUMNS)) for r in rows],
        )
        self._db.executemany(
            "insert into tile values(?, ?, ?)"
            " on conflict(level, n) do update set hashes = excluded.hashes",
            [(level, n, hashes) for (level, n), hashes in sorted(addition.tiles.items())],
        )
        self._db.execute(
            "insert into head values(0, ?, ?, ?) on conflict(id) do update set"
            " size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint",
            (head.size, head.root, head.checkpoint),
        )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    for pragma in (
        "trusted_schema=off",
        "cell_size_check=on",
        "recursive_triggers=on",
        "synchronous=full",
        "fullfsync=on",
    ):
        db.execute(f"pragma {pragma}")
    return db


def _open(path: Path, mode: str) -> sqlite3.Connection:
    db = _connect(path, mode)
    try:
        _check_schema(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open without writing; a folder that cannot be written has no place for the shared memory of WAL."""
    try:
        return _open(path, "ro")
    except sqlite3.OperationalError as error:
        if not _is_at_rest(path) or error.sqlite_errorcode & 0xFF not in _NO_PLACE:
            raise
        return _open(path, "ro&immutable=1")


def _is_at_rest(path: Path) -> bool:
    """Say whether nobody wrote since the last clean end, and this process could not write either."""
    log = path.with_name(f"{path.name}-wal")
    return (
        path.exists()
        and not os.access(path.parent, os.W_OK)
        and not (log.exists() and log.stat().st_size)
    )


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("pragma application_id").fetchone()[0]
    version = db.execute("pragma user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise LedgerInconsistentError(f"`{path}` is not a ledger database")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"`{path}` was written by a newer weightmark (schema {version}, this one reads {SCHEMA_VERSION})",
            fix="upgrade weightmark",
        )
    if version < SCHEMA_VERSION:
        raise UnsupportedError(f"`{path}` has the unknown schema {version}")
    if _schema_of(db) != _expected_schema():
        raise LedgerInconsistentError(
            f"the schema of `{path}` was changed",
            why="a table, an index or a trigger is missing, altered or added",
            fix="restore the database from a backup",
        )


def _schema_of(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    return db.execute(
        "select type, name, sql from sqlite_schema where sql is not null order by type, name"
    ).fetchall()


def _expected_schema() -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _schema_of(db)


def _failure(path: Path, error: sqlite3.Error) -> WeightmarkError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}:
        return LedgerInconsistentError(
            f"the database `{path}` is damaged: {error}",
            fix="restore the folder from a backup",
        )
    return ReadError(
        f"cannot read or write the database `{path}`: {error}",
        fix="check the path, its permissions and the free space",
    )
