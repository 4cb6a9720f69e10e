"""The record of acts: one JSON line before an act and one after it, in a file that only grows."""

import json
import os
import stat
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from weightmark.attestations.responding.happening import Happening
from weightmark.errors import UncheckedError, read_failure
from weightmark.provenance.events.appending import append_whole
from weightmark.provenance.events.plain import plain
from weightmark.values import dataclass

__all__ = ["Act", "ActsFile", "Outcome"]

_SCHEMA = "weightmark/act/v1"
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MOST = 2000


class Outcome(StrEnum):
    """What became of an act."""

    WOULD = "would"
    """a dry run: nothing was done"""
    BEGUN = "begun"
    """it is about to be done; nothing after it means that the process died in it"""
    DONE = "done"
    """it was done"""
    FAILED = "failed"
    """it could not be done, or was refused"""


@dataclass(frozen=True, slots=True)
class Act:
    """One response to one happening."""

    rule: int
    """the number of the rule in its file, from 1"""
    action: str
    """as the rule names it"""
    outcome: Outcome
    """what became of it"""
    summary: str
    """what was done, would be done, or why not"""

    def to_json(self, happening: Happening, at: datetime) -> dict[str, Any]:
        """Return the line of the record."""
        return {
            "schema": _SCHEMA,
            "at": f"{at:%Y-%m-%dT%H:%M:%S}Z",
            "trigger": happening.trigger.value,
            "kind": happening.kind,
            "event": happening.event.uid,
            "rule": self.rule,
            "action": self.action,
            "outcome": self.outcome.value,
            "summary": plain(self.summary, _MOST),
            "path": plain(str(happening.path.absolute()), _MOST) if happening.path else None,
            "identity": happening.identity or None,
        }


@dataclass(frozen=True, slots=True)
class ActsFile:
    """The file in which acts are recorded."""

    path: Path
    """where it stands; it is made when absent, readable by its owner only"""

    def add(self, act: Act, happening: Happening) -> None:
        """Append a line durably; raises `ReadError`, and `UncheckedError` for what is no file of the caller's own."""
        line = json.dumps(act.to_json(happening, datetime.now(UTC)), sort_keys=True)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, _FLAGS, 0o600)
            try:
                self._require_own(os.fstat(descriptor))
                append_whole(descriptor, line.encode("ascii") + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise read_failure(self.path, error) from error

    def _require_own(self, status: os.stat_result) -> None:
        shared = status.st_uid != os.geteuid() or status.st_mode & 0o022
        if not stat.S_ISREG(status.st_mode) or shared:
            raise UncheckedError(
                f"`{self.path}` is no file for a record of acts",
                why="it is no regular file, or others can write to it",
                fix="name another file as `acts`",
            )
