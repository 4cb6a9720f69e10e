"""When a ledger was verified in full the last time on this machine; proves nothing, and says how old that is."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.errors import MalformedError
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import format_time, parse_time
from weightmark.provenance.ledger.files import make_folders, read_file
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["FullVerify", "last_full_verify", "remember_full_verify"]

_MAX_SIZE = 4096


@dataclass(frozen=True, slots=True)
class FullVerify:
    """One run of `weightmark ledger verify`."""

    at: datetime
    """when; aware"""
    size: int
    """entries that were verified"""
    problems: int
    """how many things were not as they must be"""


def remember_full_verify(
    ledger: "Ledger", size: int, problems: int, folder: Path | None = None
) -> None:
    """Keep when a ledger of `size` entries was verified, and how many problems there were; raises `ReadError`."""
    path = _path(ledger, folder)
    fields = {"at": format_time(ledger.now()), "size": size, "problems": problems}
    make_folders([path.parent], mode=0o700)
    replace_file(path, canonical_json(fields), mode=0o600)
    sync_folder(path.parent)


def last_full_verify(ledger: "Ledger", folder: Path | None = None) -> FullVerify | None:
    """Return the last run that is known; None when none is, or what stands there is no such note."""
    data = read_file(_path(ledger, folder), max_size=_MAX_SIZE)
    if data is None:
        return None
    try:
        fields = parse_object(data, what="the note of the last verification")
        size, problems = fields["size"], fields["problems"]
        return FullVerify(parse_time(str(fields["at"])), int(size), int(problems))
    except (MalformedError, KeyError, ValueError, TypeError):
        return None


def _path(ledger: "Ledger", folder: Path | None) -> Path:
    place = folder or CheckpointMemory.of_user().folder
    return place / f"{hashlib.sha256(ledger.vkey.encode()).hexdigest()}.verified.json"
