"""The ledger in SQLite: WAL, synchronous=FULL, one transaction for everything."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from weightmark.errors import LedgerInconsistentError, ReadError, WeightmarkError
from weightmark.provenance.ledger.store.sqlite_schema import (
    APPLICATION_ID,
    SCHEMA,
    SCHEMA_VERSION,
    check_schema,
)
from weightmark.provenance.ledger.store.sqlite_session import SqliteReader, SqliteWriter

__all__ = ["SqliteStore", "create_database"]

BUSY_SECONDS = 60
"""how long a writer waits for the others"""
_CACHE_KIB = 32 * 1024
_LOG_PAGES = 8192
"""pages of the write-ahead log after which they are folded into the database"""
_NO_PLACE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def create_database(path: Path) -> None:
    """Make an empty ledger database; the file must not exist."""
    try:
        with closing(_connect(path, "rwc")) as db:
            db.execute("pragma page_size=8192")
            db.execute("pragma journal_mode=wal")
            db.execute(f"pragma application_id={APPLICATION_ID}")
            db.execute("begin")
            for statement in SCHEMA:
                db.execute(statement)
            db.execute(f"pragma user_version={SCHEMA_VERSION}")
            db.execute("commit")
    except sqlite3.Error as error:
        raise _failure(path, error) from error


class SqliteStore:
    """One `ledger.db`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None

    @contextmanager
    def read(self) -> Iterator[SqliteReader]:
        """Open a snapshot."""
        with self._translated():
            if self._reader is None:
                self._reader = _open_to_read(self._path)
            self._reader.execute("begin")
            try:
                yield SqliteReader(self._reader)
            finally:
                self._reader.execute("rollback")

    @contextmanager
    def write(self) -> Iterator[SqliteWriter]:
        """Wait for the other writers, then open a transaction; leaving it commits durably."""
        with self._translated():
            if self._writer is None:
                self._writer = _open_to_write(self._path)
            db = self._writer
            db.execute("begin immediate")
            try:
                yield SqliteWriter(db)
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


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    for pragma in (
        "trusted_schema=off",
        "cell_size_check=on",
        "recursive_triggers=on",
        "synchronous=full",
        "fullfsync=on",
        f"cache_size=-{_CACHE_KIB}",
    ):
        db.execute(f"pragma {pragma}")
    return db


def _open(path: Path, mode: str) -> sqlite3.Connection:
    db = _connect(path, mode)
    try:
        check_schema(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _open_to_write(path: Path) -> sqlite3.Connection:
    db = _open(path, "rw")
    db.execute(f"pragma wal_autocheckpoint={_LOG_PAGES}")
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
