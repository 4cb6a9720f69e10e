"""Which signed lock was seen last at each place, so that an older one that is put back is noticed.

One file a place in `$XDG_STATE_HOME/weightmark/locks`: where the lock lies, its digest, and when it was
signed. A lock that is reached by a link has two places, as it is named and where that leads: whoever puts
an older lock back can put a link there, too.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from weightmark.attestations.locking.signing import Vouched
from weightmark.errors import (
    MalformedError,
    RefusedError,
    UncheckedError,
    WeightmarkError,
    read_failure,
)
from weightmark.provenance.atomic import replace_file
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.files import read_file
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["SeenLocks", "require_signed_since"]

_LARGEST = 64 * 1024
_PAUSE = 0.05
"""seconds between two tries to get at the memory"""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is remembered of one lock."""

    digest: str
    """SHA-256 of the file, lowercase hex"""
    signed: datetime
    """when it was signed"""


@dataclass(frozen=True, slots=True)
class SeenLocks:
    """The newest signed lock that was seen at each place."""

    folder: Path
    """made when something is remembered"""
    seconds: float = 10.0
    """how long another process is waited for that writes there"""

    def admit(self, lock: Path, vouched: Vouched, *, older: bool = False) -> None:
        """Remember a lock that somebody vouches for, unless a newer one was seen where it lies.

        With `older` it is remembered all the same, and counts from now on. Raises `RefusedError` for an
        older lock, or another one of the same time, `MalformedError` for a memory that is damaged,
        `UncheckedError` where another process keeps it, and `ReadError` where nothing can be remembered.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise read_failure(self.folder, error) from error
        with _held(self.folder, self.seconds):
            remembered = {place: None if older else self._recall(place) for place in _places(lock)}
            for seen in remembered.values():
                if seen:
                    _require_not_older(lock, vouched, seen)
            for place, seen in remembered.items():
                if vouched.signed and (seen is None or vouched.signed > seen.signed):
                    self._write(place, _Seen(vouched.digest, vouched.signed))

    def require_past(self, lock: Path, now: datetime) -> None:
        """Refuse to sign by a clock that is behind what was signed there; raises `UncheckedError`, `MalformedError`."""
        for seen in map(self._recall, _places(lock)):
            if seen and now <= seen.signed:
                raise UncheckedError(
                    f"the clock says {format_time(now)}, and `{lock}` was signed at {format_time(seen.signed)} already",
                    why="what is signed now would be taken for the older lock",
                    fix="set the clock, for example with NTP",
                )

    def _recall(self, place: Path) -> _Seen | None:
        path = self._file(place)
        data = read_file(path, max_size=_LARGEST)
        if data is None:
            return None
        try:
            note = parse_object(data, what=f"`{path}`")
            signed = datetime.fromisoformat(note["signed"])
            moment = signed.astimezone(UTC)
        except (WeightmarkError, LookupError, TypeError, ValueError, OverflowError) as error:
            raise _damaged(path) from error
        digest = note.get("sha256")
        if note.get("path") != _written(place) or not isinstance(digest, str) or not signed.tzinfo:
            raise _damaged(path)
        return _Seen(digest, moment)

    def _write(self, place: Path, seen: _Seen) -> None:
        note = {
            "path": _written(place),
            "sha256": seen.digest,
            "signed": seen.signed.isoformat(),
            "v": 1,
        }
        replace_file(self._file(place), canonical_json(note), mode=0o600)

    def _file(self, place: Path) -> Path:
        return self.folder / f"{sha256(os.fsencode(place)).hexdigest()}.json"


def require_signed_since(lock: Path, vouched: Vouched, since: datetime) -> None:
    """Refuse a lock that was signed before a moment, or at a time that nobody says; raises `RefusedError`."""
    if vouched.signed is None or vouched.signed < since:
        raise _rolled_back(
            f"{_signed(lock, vouched.signed)}, and one since {format_time(since)} was asked for"
        )


def _require_not_older(lock: Path, vouched: Vouched, seen: _Seen) -> None:
    if vouched.digest == seen.digest:
        return
    if vouched.signed is None or vouched.signed <= seen.signed:
        raise _rolled_back(
            f"{_signed(lock, vouched.signed)}, and one of {format_time(seen.signed)} was seen there"
        )


def _damaged(path: Path) -> MalformedError:
    return MalformedError(
        f"`{path}` is not what weightmark wrote there",
        why="it says which signed lock was seen last",
        fix="remove it, if you know that the lock is the present one",
    )


def _signed(lock: Path, signed: datetime | None) -> str:
    return (
        f"`{lock}` was signed at {format_time(signed) if signed else 'a time that no claim says'}"
    )


def _rolled_back(what: str) -> RefusedError:
    return RefusedError(
        what,
        why="somebody put an older lock back, with its older claims, which still hold",
        fix="get the present lock and its claims from whoever signs them",
    )


def _written(path: Path) -> str:
    """Return the path as text: bytes of a name that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _places(lock: Path) -> tuple[Path, ...]:
    """Return where a lock lies: as it is named, and where links on the way to its folder lead."""
    named = Path(os.path.abspath(lock))  # noqa: PTH100 - a link on the way is a place of its own
    real = Path(os.path.realpath(lock.parent)) / lock.name
    return tuple(dict.fromkeys((named, real)))


@contextmanager
def _held(folder: Path, seconds: float) -> Iterator[None]:
    """Keep other processes from the memory; raises `UncheckedError` when one keeps it too long, `ReadError`.

    Where the file system knows no locks, none is held.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise read_failure(folder, error) from error
    try:
        end = time.monotonic() + seconds
        while not _is_taken(descriptor):
            if time.monotonic() > end:
                raise UncheckedError(
                    f"another process keeps `{folder}` for itself",
                    why=f"it was waited for {seconds:g} seconds, and which lock was seen last is not known",
                    fix="find it with `fuser`, end it, and verify again",
                )
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    """Tell whether the lock is held by us now, or can't be had at all; not while somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
