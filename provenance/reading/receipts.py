"""Receipts: digests of files that were read before and cannot have changed since.

A receipt is written only after the file's dirty pages were flushed, so that a later store through
a mapping moves its times; and only on file systems that keep those times. It finds what changed,
not what somebody with the same user id forged: whoever can write the receipts could as well
write the tool that reads them. What loads or deploys content reads it again in any case.
"""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.provenance.reading.columns import DIGEST_SIZES, Column
from weightmark.values import dataclass

if TYPE_CHECKING:
    import sqlite3

__all__ = ["LEAST_SIZE", "TRUSTED_FILE_SYSTEMS", "FileState", "Receipts", "file_system_of"]

LEAST_SIZE = 1024 * 1024
"""bytes; smaller files are read as quickly as they are looked up"""
TRUSTED_FILE_SYSTEMS = frozenset(["apfs", "btrfs", "ext4", "xfs"])
"""file systems whose times move with every change; never memory, stacked or network ones"""
_SETTLED_NS = 2_000_000_000
_MOST_RECEIPTS = 1_000_000
_VERSION = 2
_OLDER = frozenset([0, 1])
"""a new store, and one without inspections"""
_SCHEMA = (
    """
    create table if not exists receipts (
      place blob primary key, state text not null, digests text not null,
      written_ns integer not null, checksum blob not null
    ) without rowid
    """,
    """
    create table if not exists inspections (
      place blob not null, kind blob not null, state text not null, said blob not null,
      checksum blob not null, primary key (place, kind)
    ) without rowid
    """,
)
_MOST_INSPECTION_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileState:
    """What must be equal for a file to be the one that was read."""

    file_system: int
    """id of the mounted file system (`f_fsid`)"""
    device: int
    """device number"""
    inode: int
    """inode number"""
    size: int
    """bytes"""
    mtime_ns: int
    """last change of content that the file system noted, nanoseconds since 1970"""
    ctime_ns: int
    """last change of anything, which no ordinary call can set, nanoseconds since 1970"""

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Look at an open file; raises `OSError`."""
        status = os.fstat(descriptor)
        return cls(
            os.fstatvfs(descriptor).f_fsid,
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )

    @property
    def place(self) -> bytes:
        """Where the file lies, whatever it holds."""
        return f"{self.file_system}:{self.device}:{self.inode}".encode()

    @property
    def text(self) -> str:
        """What changes with the content."""
        return f"{self.size}:{self.mtime_ns}:{self.ctime_ns}"


class Receipts:
    """A store of receipts in one file, for one call; made with `open`."""

    def __init__(
        self,
        connect: "Callable[[], sqlite3.Connection | None]",
        *,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Use `open` or `open_later` instead."""
        self._connect = connect
        self._now = now
        self._lock = threading.Lock()
        self._pending: dict[bytes, tuple[bytes, str, str, int, bytes]] = {}
        self._said: dict[tuple[bytes, bytes], tuple[bytes, bytes, str, bytes, bytes]] = {}

    @classmethod
    def open(cls, path: Path, *, now: Callable[[], int] = time.time_ns) -> "Receipts | None":
        """Open the store at `path`, making it when it is missing; None when it can't be used.

        A store that is damaged, or that was written in the future of this clock, is as good as none.
        """
        connection = _connected(path, now)
        return None if connection is None else cls(lambda: connection, now=now)

    @classmethod
    def open_later(cls, path: Path, *, now: Callable[[], int] = time.time_ns) -> "Receipts":
        """Return a store that is opened with the first file of which a receipt may be kept.

        Small artifacts then cost nothing; a store that can't be used keeps nothing.
        """
        return cls(lambda: _connected(path, now), now=now)

    @cached_property
    def _connection(self) -> "sqlite3.Connection | None":
        """The store, from the moment when it is needed."""
        return self._connect()

    @property
    def _rows(self) -> "sqlite3.Connection":
        """The store; raises `sqlite3.Error` when it can't be used."""
        import sqlite3

        if self._connection is None:
            raise sqlite3.OperationalError("the store can't be used")
        return self._connection

    def find(self, descriptor: int, columns: Iterable[Column]) -> Mapping[Column, str] | None:
        """Return the digests of the open file if all of `columns` are known and nothing changed."""
        try:
            state = FileState.of(descriptor)
            if not self._may_be_kept(descriptor, state):
                return None
            known = self._known(state)
        except _store_errors():
            return None
        return known if known and all(column in known for column in columns) else None

    def prepare(self, descriptor: int) -> FileState | None:
        """Flush the file before it is read; None when no receipt of it may be written."""
        try:
            before = FileState.of(descriptor)
            if not self._may_be_kept(descriptor, before):
                return None
            os.fsync(descriptor)
            return before if FileState.of(descriptor) == before else None
        except OSError:
            return None

    def note(self, descriptor: int, prepared: FileState, digests: Mapping[Column, str]) -> None:
        """Remember what was read after `prepare`, if the file is still the same; `save` writes it."""
        import sqlite3

        with suppress(OSError, sqlite3.Error):
            if FileState.of(descriptor) != prepared:
                return
            merged = {**self._known(prepared), **digests}
            text = " ".join(f"{column}={digest}" for column, digest in sorted(merged.items()))
            written = self._now()
            checksum = _checksum(prepared.place, prepared.text, text, written)
            row = (prepared.place, prepared.text, text, written, checksum)
            self._pending[prepared.place] = row

    def find_inspection(self, descriptor: int, stamp: str, label: str) -> bytes | None:
        """Return what an inspector said of the open file; None when nothing was kept or anything changed.

        `stamp` names all that it depends on beside the file's bytes and `label`.
        """
        kind = _kind_of(stamp, label)
        try:
            state = FileState.of(descriptor)
            if not self._may_be_kept(descriptor, state):
                return None
            with self._lock:
                row = self._rows.execute(
                    "select state, said, checksum from inspections where place = ? and kind = ?",
                    (state.place, kind),
                ).fetchone()
        except _store_errors():
            return None
        if row is None or row[0] != state.text or not isinstance(row[1], bytes):
            return None
        good = row[2] == _checksum_of_inspection(state.place, kind, row[0], row[1])
        return row[1] if good else None

    def note_inspection(
        self, descriptor: int, prepared: FileState, stamp: str, label: str, said: bytes
    ) -> None:
        """Remember what an inspector said after `prepare`, if the file is still the same."""
        if len(said) > _MOST_INSPECTION_BYTES:
            return
        kind = _kind_of(stamp, label)
        with suppress(OSError):
            if FileState.of(descriptor) != prepared:
                return
            checksum = _checksum_of_inspection(prepared.place, kind, prepared.text, said)
            row = (prepared.place, kind, prepared.text, said, checksum)
            self._said[prepared.place, kind] = row

    def save(self) -> None:
        """Write what was noted; a store that can't be written is left as it is."""
        if not self._pending and not self._said:
            return
        import sqlite3

        with suppress(sqlite3.Error):
            self._rows.execute("begin immediate")
            self._rows.executemany(
                "insert or replace into receipts values (?, ?, ?, ?, ?)", self._pending.values()
            )
            self._rows.executemany(
                "insert or replace into inspections values (?, ?, ?, ?, ?)", self._said.values()
            )
            for table in ("receipts", "inspections"):
                counted = f"select count(*) from {table}"  # noqa: S608 - one of two literals
                (count,) = self._rows.execute(counted).fetchone()
                if count > _MOST_RECEIPTS:
                    self._rows.execute(f"delete from {table}")  # noqa: S608 - one of two literals
            self._rows.execute("commit")
        self._pending.clear()
        self._said.clear()

    def close(self) -> None:
        """Close the store; what was not saved is lost."""
        opened = vars(self).get("_connection")
        if opened is not None:
            opened.close()

    def _known(self, state: FileState) -> dict[Column, str]:
        """Return what the store holds of exactly this state; nothing when the row is damaged."""
        with self._lock:
            row = self._rows.execute(
                "select state, digests, written_ns, checksum from receipts where place = ?",
                (state.place,),
            ).fetchone()
        if row is None or row[0] != state.text:
            return {}
        if row[3] != _checksum(state.place, row[0], row[1], row[2]):
            return {}
        return _parse_digests(row[1])

    def _may_be_kept(self, descriptor: int, state: FileState) -> bool:
        """Tell whether times prove anything here: large, long unchanged, on a trusted file system."""
        age = self._now() - state.ctime_ns
        return (
            state.size >= LEAST_SIZE
            and age >= _SETTLED_NS
            and file_system_of(descriptor) in TRUSTED_FILE_SYSTEMS
            and self._usable()
        )

    def _usable(self) -> bool:
        with self._lock:
            return self._connection is not None


def _store_errors() -> tuple[type[Exception], ...]:
    """Return what a store raises; asked for only when something was raised, so that small artifacts load no database."""
    import sqlite3

    return (OSError, sqlite3.Error)


def _connected(path: Path, now: Callable[[], int]) -> "sqlite3.Connection | None":
    """Open the store at `path`; None when it can't be used, is damaged, or was written in the future."""
    import sqlite3

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own(path):
            return None
        connection = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
        connection.execute("pragma synchronous = off")
        known = _prepare(connection)
        (newest,) = connection.execute("select max(written_ns) from receipts").fetchone()
    except (OSError, sqlite3.Error):
        return None
    if not known or (isinstance(newest, int) and newest > now()):
        connection.close()
        return None
    return connection


def _prepare(connection: "sqlite3.Connection") -> bool:
    """Make what is missing; tell whether the store has a form that is known here."""
    (version,) = connection.execute("pragma user_version").fetchone()
    if version in _OLDER:
        for table in _SCHEMA:
            connection.execute(table)
        connection.execute(f"pragma user_version = {_VERSION}")
    return version == _VERSION or version in _OLDER


def file_system_of(descriptor: int) -> str:
    """Return the type of the file system of an open file; empty where the system does not say."""
    try:
        about = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
        mount = next(line.split()[1] for line in about.splitlines() if line.startswith("mnt_id:"))
        mounts = Path("/proc/self/mountinfo").read_bytes().decode("utf-8", "surrogateescape")
    except (OSError, StopIteration):
        return ""
    for line in mounts.split("\n"):
        fields = line.split(" ")
        if fields[0] == mount and "-" in fields:
            return fields[fields.index("-") + 1]
    return ""


def _checksum(place: bytes, state: str, digests: str, written_ns: int) -> bytes:
    """Find damage; it keeps nobody out."""
    return hashlib.sha256(f"{place!r}\n{state}\n{digests}\n{written_ns}".encode()).digest()


def _kind_of(stamp: str, label: str) -> bytes:
    return hashlib.sha256(f"{len(stamp)}:{stamp}{label}".encode("utf-8", "surrogatepass")).digest()


def _checksum_of_inspection(place: bytes, kind: bytes, state: str, said: bytes) -> bytes:
    """Find damage; it keeps nobody out."""
    return hashlib.sha256(b"%s %s %s\n%s" % (place, kind, state.encode(), said)).digest()


def _is_own(path: Path) -> bool:
    """Tell whether nobody else could have written the store; one that does not exist is own."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return True
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not others_write


def _parse_digests(text: str) -> dict[Column, str]:
    found: dict[Column, str] = {}
    for word in text.split(" "):
        name, _, digest = word.partition("=")
        try:
            column = Column(name)
        except ValueError:
            return {}
        if len(digest) != 2 * DIGEST_SIZES[column]:
            return {}
        found[column] = digest
    return found
