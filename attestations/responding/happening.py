"""What is responded to: one artifact, why, and which folder it was when it was judged."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from weightmark.provenance.events.event import Event
from weightmark.provenance.events.forms.json_lines import event_members
from weightmark.values import dataclass

__all__ = ["Happening", "Mark", "Trigger"]

_SCHEMA = "weightmark/response/v1"


class Trigger(StrEnum):
    """What calls for a response."""

    DENY = "deny"
    """a policy refused an artifact"""
    DRIFT = "drift"
    """what is watched is no longer as it was allowed"""
    REVOKE = "revoke"
    """a ledger says that something no longer counts"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which file or folder stood at a path before it was judged."""

    device: int
    """number of its file system"""
    inode: int
    """its number there"""

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Look without following a link; None when nothing stands there, or it cannot be told."""
        try:
            status = path.lstat()
        except (OSError, ValueError):
            return None
        return cls(status.st_dev, status.st_ino)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to respond to."""

    trigger: Trigger
    """what happened"""
    kind: str
    """of a drift what is new, as `refused`; else the verdict"""
    event: Event
    """the event that is told of it"""
    path: Path | None
    """where the artifact lies; None when it lies nowhere here"""
    mark: Mark | None
    """what stood at `path` before it was judged"""
    identity: str = ""
    """`wm1:<hex>` of what was judged; empty when it has none"""
    unplaced: str = ""
    """why `path` is not known although the artifact lies here; else empty"""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, as commands get it on stdin."""
        event = self.event.bounded()
        return {
            "schema": _SCHEMA,
            "trigger": self.trigger.value,
            "kind": self.kind,
            "path": str(self.path.absolute()) if self.path else None,
            "identity": self.identity or None,
            "event": event_members(event),
        }

    def to_bytes(self) -> bytes:
        """Return one line of ASCII JSON."""
        return json.dumps(self.to_json(), sort_keys=True).encode("ascii") + b"\n"
