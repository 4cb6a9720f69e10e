"""Which signed lock was seen last at each place, so that an older one that is put back is noticed.

One file a lock in `$XDG_STATE_HOME/weightmark/locks`: where it lies, its digest, and when it was signed.
"""

import os
from datetime import datetime
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
from weightmark.provenance.atomic import exclusive, replace_file
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.files import read_file
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["SeenLocks", "require_signed_since"]

_LARGEST = 64 * 1024


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

    def admit(self, lock: Path, vouched: Vouched, *, older: bool = False) -> None:
        """Remember a lock that somebody vouches for, unless a newer one was seen where it lies.

        With `older` it is remembered all the same, and counts from now on. Raises `RefusedError` for an
        older lock, or another one of the same time, `MalformedError` for a memory that is damaged, and
        `ReadError` where nothing can be remembered.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise read_failure(self.folder, error) from error
        with exclusive(self.folder):
            seen = None if older else self._recall(lock)
            if seen:
                _require_not_older(lock, vouched, seen)
            if vouched.signed and (seen is None or vouched.signed > seen.signed):
                self._write(lock, _Seen(vouched.digest, vouched.signed))

    def require_past(self, lock: Path, now: datetime) -> None:
        """Refuse to sign by a clock that is behind what was signed there; raises `UncheckedError`, `MalformedError`."""
        seen = self._recall(lock)
        if seen and now <= seen.signed:
            raise UncheckedError(
                f"the clock says {format_time(now)}, and `{lock}` was signed at {format_time(seen.signed)} already",
                why="what is signed now would be taken for the older lock",
                fix="set the clock, for example with NTP",
            )

    def _recall(self, lock: Path) -> _Seen | None:
        path = self._file(lock)
        data = read_file(path, max_size=_LARGEST)
        if data is None:
            return None
        try:
            note = parse_object(data, what=f"`{path}`")
            signed = datetime.fromisoformat(note["signed"])
        except (WeightmarkError, LookupError, TypeError, ValueError) as error:
            raise _damaged(path) from error
        digest = note.get("sha256")
        if note.get("path") != _written(lock) or not isinstance(digest, str) or not signed.tzinfo:
            raise _damaged(path)
        return _Seen(digest, signed)

    def _write(self, lock: Path, seen: _Seen) -> None:
        note = {
            "path": _written(lock),
            "sha256": seen.digest,
            "signed": seen.signed.isoformat(),
            "v": 1,
        }
        replace_file(self._file(lock), canonical_json(note), mode=0o600)

    def _file(self, lock: Path) -> Path:
        return self.folder / f"{sha256(os.fsencode(_real(lock))).hexdigest()}.json"


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
    return os.fsencode(_real(path)).decode("utf-8", "backslashreplace")


def _real(path: Path) -> Path:
    return path.parent.resolve() / path.name
