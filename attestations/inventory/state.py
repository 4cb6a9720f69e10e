"""The state file of an inventory: what was examined already, so that a call that was killed can go on.

JSON lines, one artifact each, appended as soon as it was examined; a line that is torn or strange is
as if it were not there. It is believed: whoever may write it may write the answer, so it belongs to
the caller alone and lies outside of what is looked through.
"""

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from weightmark.attestations.inventory.interface import Place
from weightmark.attestations.inventory.record import Record
from weightmark.errors import CallError, ReadError, WeightmarkError, read_failure
from weightmark.provenance.strict_json import parse_object

__all__ = ["State", "digest_of", "fingerprint"]

_FORM = "weightmark-inventory-state/v1"
_SETTLED_NS = 2_000_000_000
_LONGEST_LINE = 1024 * 1024
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class State:
    """An open state file, held by one call at a time."""

    def __init__(self, descriptor: int, known: Mapping[str, tuple[str, Record]]) -> None:
        """Made by `State.open`."""
        self._file = descriptor
        self._known = known

    @classmethod
    def open(cls, path: Path, *, rules: str) -> Self:
        """Open or make the file; what other `rules` examined is not taken over.

        Raises `CallError` for a file that is in use, of another user, or no such file.
        """
        try:
            descriptor = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise read_failure(path, error) from error
        try:
            _require_own(path, descriptor)
            known = _read(path, descriptor)
            mine = {place: (state, record) for place, (by, state, record) in known if by == rules}
        except BaseException:
            os.close(descriptor)
            raise
        one = cls(descriptor, mine)
        one.rules = rules
        return one

    rules: str = ""
    """by which rules artifacts are examined now"""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def find(self, place: Place, state: str) -> Record | None:
        """Return what was found at `place`, if it is still in that state."""
        known = self._known.get(_key(place))
        return known[1] if known and state and known[0] == state else None

    def note(self, place: Place, state: str, record: Record) -> None:
        """Append what was found; raises `ReadError` when it can't be written."""
        if not state:
            return
        line = {"by": self.rules, "place": _key(place), "state": state, "record": record.to_json()}
        data = json.dumps(line, sort_keys=True).encode("ascii") + b"\n"
        try:
            written = os.write(self._file, data)
        except OSError as error:
            raise read_failure("the state file", error) from error
        if written != len(data):
            raise ReadError(
                "the state file could not be written whole", fix="make room on the disk"
            )


def fingerprint(path: str, *, now_ns: int | None = None) -> str:
    """Return a digest over names, sizes and times of everything at `path`; empty when it can't be relied on.

    Times of change can't be set by ordinary calls, but tell two changes within one tick not apart:
    what changed within the last two seconds has no fingerprint.
    """
    import hashlib

    rows: list[tuple[str, tuple[int, ...]]] = []
    newest = 0
    try:
        for name in _names(Path(path)):
            for status in (name.lstat(), name.stat()):
                newest = max(newest, status.st_ctime_ns)
                rows.append((str(name), _facts(status)))
    except OSError:
        return ""
    now = time.time_ns() if now_ns is None else now_ns
    if newest > now - _SETTLED_NS:
        return ""
    return hashlib.sha256(repr(sorted(rows)).encode("utf-8", "surrogateescape")).hexdigest()


def digest_of(text: str) -> str:
    """Return a digest of what tells the state of something that lies elsewhere."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _facts(status: os.stat_result) -> tuple[int, ...]:
    changing = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_dev, status.st_ino, status.st_mode, *changing)


def _names(path: Path) -> Iterator[Path]:
    """Yield the path, everything below it, and what stands beside it. Raises `OSError`."""

    def fail(error: OSError) -> None:
        raise error

    yield path
    for suffix in (".sig", ".claims", ".receipt"):
        beside = path.with_name(path.name + suffix)
        if beside.is_symlink() or beside.exists():
            yield beside
    if path.is_dir():
        for folder, folders, files in os.walk(path, onerror=fail):
            yield from (Path(folder, name) for name in (*folders, *files))


def _key(place: Place) -> str:
    import hashlib

    return hashlib.sha256(repr(place).encode("utf-8", "surrogateescape")).hexdigest()


def _require_own(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & others:
        raise CallError(
            f"the state file `{path}` is no file of yours alone",
            why="what it says is believed",
            fix="name a new file in a folder of yours",
        )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CallError(
            f"the state file `{path}` is in use by another call", fix="wait, or name another file"
        ) from error


def _read(path: Path, descriptor: int) -> list[tuple[str, tuple[str, str, Record]]]:
    """Return the places of all sound lines; begins a new file with its form, ends a torn line."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        first = file.readline(_LONGEST_LINE)
        if not first:
            os.write(descriptor, f"{_FORM}\n".encode())
            return []
        if first != f"{_FORM}\n".encode():
            raise CallError(f"`{path}` is no state file of an inventory", fix="name another file")
        found, last = [], first
        while line := file.readline(_LONGEST_LINE):
            last = line
            known = _parse(line)
            if known:
                found.append(known)
    if not last.endswith(b"\n"):
        os.write(descriptor, b"\n")
    return found


def _parse(line: bytes) -> tuple[str, tuple[str, str, Record]] | None:
    try:
        one: dict[str, Any] = parse_object(line, what="a line of the state file")
        return one["place"], (one["by"], one["state"], Record.from_json(one["record"]))
    except (WeightmarkError, KeyError):
        return None
