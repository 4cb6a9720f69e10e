"""The tables of a ledger in SQLite, and what keeps history from being rewritten by accident."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.errors import LedgerInconsistentError, NewerSchemaError, UnsupportedError

if TYPE_CHECKING:
    import sqlite3

__all__ = ["APPLICATION_ID", "DERIVED_TABLES", "SCHEMA", "SCHEMA_VERSION", "check_schema"]

APPLICATION_ID = 0x774D4C47
"""`wMLG`: the database is a ledger"""
SCHEMA_VERSION = 1
"""the `user_version` that this version writes"""

_TRUTH = (
    "create table entry(idx integer primary key, body blob not null) strict",
    "create table tile(level integer not null, n integer not null, hashes blob not null, primary key(level, n)) strict",
    "create table head(id integer primary key check (id = 0), size integer not null, root blob not null, checkpoint blob not null) strict",
    "create trigger entry_is_final before update on entry begin select raise(abort, 'entries are append-only'); end",
    "create trigger entry_stays before delete on entry begin select raise(abort, 'entries are append-only'); end",
    "create trigger entry_follows before insert on entry when new.idx is not (select coalesce(max(idx) + 1, 0) from entry) begin select raise(abort, 'entries have no gaps'); end",
    "create trigger tile_grows before update on tile when new.level is not old.level or new.n is not old.n or length(new.hashes) < length(old.hashes) or substr(new.hashes, 1, length(old.hashes)) is not old.hashes begin select raise(abort, 'tiles only grow'); end",
    "create trigger tile_stays before delete on tile begin select raise(abort, 'tiles only grow'); end",
    "create trigger head_grows before update on head when new.size <= old.size begin select raise(abort, 'the head only grows'); end",
    "create trigger head_stays before delete on head begin select raise(abort, 'the head only grows'); end",
)
_DERIVED = (
    "create table unique_key(key blob primary key, idx integer not null) strict, without rowid",
    "create table search(idx integer primary key, kind text not null, subject text not null, signer text not null, submitter text not null, at text not null) strict",
    "create index search_subject on search(subject)",
    "create index search_signer on search(signer)",
    "create index search_kind on search(kind)",
    "create trigger key_is_final before update on unique_key begin select raise(abort, 'keys are append-only'); end",
    "create trigger key_stays before delete on unique_key begin select raise(abort, 'keys are append-only'); end",
)
SCHEMA = _TRUTH + _DERIVED
"""statements that make a new database"""
DERIVED_TABLES = ("drop table unique_key", "drop table search", *_DERIVED)
"""statements that make the derived tables anew, empty"""


def check_schema(db: "sqlite3.Connection", path: Path) -> None:
    """Refuse a database that is no ledger of this version, whole and unaltered.

    Raises `LedgerInconsistentError`, `NewerSchemaError`, or `UnsupportedError` for an older one.
    """
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
        raise UnsupportedError(
            f"`{path}` was written by an older weightmark (schema {version}, this one reads {SCHEMA_VERSION})",
            fix="publish it with that version, and make a ledger of the published files with `weightmark ledger migrate`",
        )
    if _schema_of(db) != _expected_schema():
        raise LedgerInconsistentError(
            f"the schema of `{path}` was changed",
            why="a table, an index or a trigger is missing, altered or added",
            fix="restore the database from a backup",
        )


def _schema_of(db: "sqlite3.Connection") -> list[tuple[str, str, str]]:
    return db.execute(
        "select type, name, sql from sqlite_schema where sql is not null order by type, name"
    ).fetchall()


def _expected_schema() -> list[tuple[str, str, str]]:
    import sqlite3

    with closing(sqlite3.connect(":memory:")) as db:
        for statement in SCHEMA:
            db.execute(statement)
        return _schema_of(db)
