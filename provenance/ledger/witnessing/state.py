"""What a witness cosigned last of each log: SQLite, one transaction for check and store."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from weightmark.errors import NewerSchemaError, ReadError
from weightmark.values import dataclass

__all__ = ["MAX_EVIDENCE", "Seen", "WitnessState", "WitnessTransaction", "create_state"]

APPLICATION_ID = 0x774D5749
"""`wMWI`: the database is of a witness"""
SCHEMA_VERSION = 1
"""the `user_version` that this version writes"""
MAX_EVIDENCE = 100
"""refused checkpoints that are kept of one log; a thief of its key must not fill the disk"""
BUSY_SECONDS = 30
"""how long a request waits for the others"""

_SCHEMA = """
create table witness(id integer primary key check (id = 0), vkeys text not null) strict;
create table log(origin text primary key, path text not null unique, size integer not null check (size >= 0), root blob not null, checkpoint blob not null, at integer not null check (at > 0)) strict, without rowid;
create table evidence(id integer primary key, origin text not null, at integer not null, size integer not null, root blob not null, seen blob not null, other blob not null, unique(origin, size, root)) strict;
create trigger log_grows before update on log when new.origin is not old.origin or new.size < old.size or (new.size = old.size and new.root is not old.root) or new.at < old.at begin select raise(abort, 'a witness never goes back'); end;
create trigger log_stays before delete on log begin select raise(abort, 'a witness never forgets'); end;
create trigger witness_stays before delete on witness begin select raise(abort, 'the key of a witness stays'); end;
create trigger witness_is_final before update on witness begin select raise(abort, 'the key of a witness stays'); end;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The checkpoint of a log that a witness cosigned last."""

    origin: str
    """the log"""
    size: int
    """entries"""
    root: bytes
    """32 bytes"""
    checkpoint: bytes
    """signed by the log and by the witness"""
    at: int
    """when it was cosigned, POSIX seconds"""


class WitnessTransaction:
    """What happens while nobody else cosigns."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def seen(self, origin: str) -> Seen | None:
        """Return what was cosigned last of a log."""
        row = self._db.execute(
            "select origin, size, root, checkpoint, at from log where origin = ?", (origin,)
        ).fetchone()
        return None if row is None else Seen(*row)

    def remember(self, seen: Seen, path: str) -> None:
        """Take the place of what was seen before; `path` is where it is shown."""
        self._db.execute(
            "insert into log values(:origin, :path, :size, :root, :checkpoint, :at)"
            " on conflict(origin) do update set size = excluded.size, root = excluded.root,"
            " checkpoint = excluded.checkpoint, at = excluded.at",
            {
                "origin": seen.origin,
                "path": path,
                "size": seen.size,
                "root": seen.root,
                "checkpoint": seen.checkpoint,
                "at": seen.at,
            },
        )

    def keep_evidence(self, seen: Seen, root: bytes, other: bytes, at: int) -> None:
        """Keep a checkpoint of the size that was seen, with another root, which the log signed too."""
        self._db.execute(
            "insert or ignore into evidence(origin, at, size, root, seen, other)"
            " select :origin, :at, :size, :root, :seen, :other"
            " where (select count(*) from evidence where origin = :origin) < :most",
            {
                "origin": seen.origin,
                "at": at,
                "size": seen.size,
                "root": root,
                "seen": seen.checkpoint,
                "other": other,
                "most": MAX_EVIDENCE,
            },
        )


class WitnessState:
    """One `witness.db`; every call opens it for itself, so threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def vkeys(self) -> str:
        """Return the keys that the state belongs to, one a line."""
        with self._opened() as db:
            row = db.execute("select vkeys from witness").fetchone()
        if row is None:
            raise ReadError(f"`{self._path}` belongs to no witness")
        return str(row[0])

    @contextmanager
    def transaction(self) -> Iterator[WitnessTransaction]:
        """Wait for the others, then check and store alone; leaving it commits durably."""
        with self._opened() as db:
            db.execute("begin immediate")
            try:
                yield WitnessTransaction(db)
                db.execute("commit")
            finally:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("rollback")

    def shown(self, path: str) -> bytes | None:
        """Return the cosigned checkpoint that is shown at a path; None when there is none."""
        with self._opened() as db:
            row = db.execute("select checkpoint from log where path = ?", (path,)).fetchone()
        return None if row is None else bytes(row[0])

    def evidence(self, origin: str) -> tuple[tuple[bytes, bytes], ...]:
        """Return pairs of checkpoints that a log signed for one size: what was seen, and the other."""
        with self._opened() as db:
            rows = db.execute(
                "select seen, other from evidence where origin = ? order by id", (origin,)
            ).fetchall()
        return tuple((bytes(seen), bytes(other)) for seen, other in rows)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(_connect(self._path, "rw")) as db:
                _check_schema(db, self._path)
                yield db
        except sqlite3.Error as error:
            raise _failure(self._path, error) from error


def create_state(path: Path, vkeys: str) -> None:
    """Make the state of a new witness; the file must not exist."""
    try:
        with closing(_connect(path, "rwc")) as db:
            db.execute("pragma journal_mode=wal")
            db.execute(f"pragma application_id={APPLICATION_ID}")
            db.executescript(f"begin; {_SCHEMA} pragma user_version={SCHEMA_VERSION}; commit;")
            db.execute("insert into witness values(0, ?)", (vkeys,))
    except sqlite3.Error as error:
        raise _failure(path, error) from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    for pragma in ("trusted_schema=off", "synchronous=full", "fullfsync=on"):
        db.execute(f"pragma {pragma}")
    return db


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    application = db.execute("pragma application_id").fetchone()[0]
    version = db.execute("pragma user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise ReadError(f"`{path}` is not the database of a witness")
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(f"`{path}` was written by a newer weightmark", fix="upgrade it")


def _failure(path: Path, error: sqlite3.Error) -> ReadError:
    return ReadError(
        f"cannot read or write the database `{path}`: {error}",
        why="a witness that cannot remember does not cosign",
        fix="check the path, its permissions and the free space; if it is damaged, restore it",
    )
