"""The ledger in PostgreSQL 15 or newer, through psycopg: an advisory lock orders the writers."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from weightmark.errors import (
    CallError,
    ExtraMissingError,
    LedgerInconsistentError,
    NewerSchemaError,
    ReadError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.ledger.store.postgres_schema import SCHEMA_VERSION, SEQUENCER
from weightmark.provenance.ledger.store.postgres_session import (
    PostgresReader,
    PostgresWriter,
    log_exists,
)

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["PostgresStore", "public_name"]

_OLDEST_SERVER = 150_000
_CONNECT_SECONDS = 20
_OUR_FAULT = ("22", "23", "42", "XX")
"""classes of SQLSTATE that mean that what is stored is not what was written: data, constraint, schema, corruption"""


class PostgresStore:
    """One database that holds one ledger."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = public_name(url)
        self._reader: Connection[Any] | None = None
        self._writer: Connection[Any] | None = None
        self._writing = False

    @contextmanager
    def read(self) -> Iterator[PostgresReader]:
        """Open a snapshot; inside a write it is a snapshot of its own."""
        with self._translated():
            db = self._reader = self._usable(self._reader)
            with db.transaction():
                db.execute("set transaction isolation level repeatable read read only")
                yield PostgresReader(db)

    @contextmanager
    def write(self) -> Iterator[PostgresWriter]:
        """Wait for the other writers, then open a transaction; leaving it commits durably."""
        with self._translated():
            db = self._writer = self._usable(self._writer)
            with db.transaction():
                db.execute("set local synchronous_commit = on")
                db.execute("select pg_advisory_xact_lock(%s)", (SEQUENCER,))
                self._writing = True
                try:
                    yield PostgresWriter(db, self.name)
                finally:
                    self._writing = False

    @contextmanager
    def session(self, *, whole: bool = False) -> "Iterator[Connection[Any]]":
        """Give a connection: the writer's while it writes, else one in a transaction of its own.

        With `whole`, the writer's connection in a transaction of its own, which `write` joins.
        """
        with self._translated():
            if self._writing and self._writer is not None:
                yield self._writer
            elif whole:
                db = self._writer = self._usable(self._writer)
                with db.transaction():
                    db.execute("select pg_advisory_xact_lock(%s)", (SEQUENCER,))
                    yield db
            else:
                db = self._reader = self._usable(self._reader)
                with db.transaction():
                    yield db

    def log(self) -> str:
        """Return the log's verifier key; raises `CallError` when there is no ledger, `NewerSchemaError`."""
        with self.session() as db:
            if not log_exists(db):
                raise CallError(
                    f"there is no ledger in `{self.name}`",
                    fix="make one in a folder with `weightmark ledger init`, and move it with `weightmark ledger migrate`",
                )
            row = db.execute("select version, vkey from weightmark.log").fetchone()
            if row is None:
                raise LedgerInconsistentError(f"the ledger in `{self.name}` lost its key")
            if row[0] > SCHEMA_VERSION:
                raise NewerSchemaError(
                    f"`{self.name}` was written by a newer weightmark (schema {row[0]}, this one reads {SCHEMA_VERSION})",
                    fix="upgrade weightmark",
                )
            return str(row[1])

    def close(self) -> None:
        """Close both connections."""
        for db in (self._reader, self._writer):
            if db is not None:
                with suppress(Exception):
                    db.close()
        self._reader = self._writer = None

    def _usable(self, db: "Connection[Any] | None") -> "Connection[Any]":
        """Return an open connection; one that broke is replaced."""
        if db is not None and not db.closed and not db.broken:
            return db
        psycopg = _driver()
        opened: Connection[Any] = psycopg.connect(
            self.url, autocommit=True, connect_timeout=_CONNECT_SECONDS
        )
        if opened.info.server_version < _OLDEST_SERVER:
            opened.close()
            raise UnsupportedError(
                f"`{self.name}` is served by a PostgreSQL older than 15", fix="upgrade the server"
            )
        return opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        psycopg = _driver()
        try:
            yield
        except psycopg.Error as error:
            raise _failure(self.name, error) from error


def public_name(url: str) -> str:
    """Return a database URL without its user, password and options; raises `CallError` for what is none."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CallError(
            "the address of the ledger is no URL",
            why=str(error),
            fix="write it as `postgresql://HOST/DATABASE`",
        ) from error
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise ExtraMissingError(
            "ledgers in PostgreSQL need `psycopg`, which is not installed",
            fix='pip install "weightmark[postgres]"',
        ) from error
    return psycopg


def _failure(name: str, error: Any) -> WeightmarkError:
    state = getattr(error, "sqlstate", None) or ""
    detail = str(error).strip().partition("\n")[0][:200]
    if state.startswith(_OUR_FAULT) and state != "42501":
        return LedgerInconsistentError(
            f"the database `{name}` is damaged: {detail}", fix="restore it from a backup"
        )
    if not state:
        detail = "the server did not answer, or the connection broke"
    return ReadError(
        f"cannot read or write the database `{name}`: {detail}",
        fix="check the address, the server and your rights",
    )
