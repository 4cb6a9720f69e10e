"""What earlier pulls placed where, kept in the user's state, so that only that is ever replaced."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from weightmark.errors import WeightmarkError, read_failure
from weightmark.provenance.atomic import replace_file
from weightmark.provenance.manifest import parse_identity
from weightmark.provenance.sidecars import read_bounded
from weightmark.provenance.strict_json import canonical_json, parse_object

__all__ = ["History"]

_LARGEST = 64 * 1024


class History:
    """A folder with one small file a destination."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when something is written."""
        self._folder = folder

    def remember(self, to: Path, identity: str, pinned: str) -> None:
        """Note that a pull placed `identity` at `to`; raises `ReadError`."""
        status = to.stat()
        note = {
            "path": _written(to),
            "device": status.st_dev,
            "inode": status.st_ino,
            "identity": identity,
            "pinned": pinned,
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise read_failure(self._folder, error) from error
        replace_file(self._file(to), canonical_json(note), mode=0o600)

    def placed_at(self, to: Path) -> str:
        """Return the identity of what a pull placed at `to`, if the very same folder stands there; else nothing."""
        try:
            status = to.stat()
            note = parse_object(
                read_bounded(self._file(to), limit=_LARGEST), what="a note on an earlier pull"
            )
            return _identity(note, to, status)
        except (OSError, WeightmarkError):
            return ""

    def _file(self, to: Path) -> Path:
        name = sha256(os.fsencode(_real(to))).hexdigest()
        return self._folder / f"{name}.json"


def _identity(note: dict[str, Any], to: Path, status: os.stat_result) -> str:
    same = {"path": _written(to), "device": status.st_dev, "inode": status.st_ino}
    if any(note.get(name) != value for name, value in same.items()):
        return ""
    return parse_identity(str(note.get("identity", "")))


def _written(to: Path) -> str:
    """Return the path as text: bytes of a name that are no UTF-8 are escaped."""
    return os.fsencode(_real(to)).decode("utf-8", "backslashreplace")


def _real(to: Path) -> Path:
    return to.parent.resolve() / to.name
