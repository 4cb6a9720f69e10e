"""What a look at an artifact shows, and what is new compared with the look before; pure."""

import json
from dataclasses import asdict, replace
from enum import StrEnum
from typing import Any, Self

from weightmark.errors import CallError, Exit, MalformedError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["Event", "EventKind", "Look", "compare"]

_STATE_FORM = "weightmark/watch-state/v1"
_LONGEST_PATH = 300


class EventKind(StrEnum):
    """What is new."""

    CHECKED = "checked"
    """nothing"""
    CHANGED = "changed"
    """other content, which the policy allows too"""
    REFUSED = "refused"
    """the policy refuses it, or for other reasons than before"""
    UNCHECKED = "unchecked"
    """nobody can say now whether it is good"""
    GONE = "gone"
    """nothing is there any more"""
    RECOVERED = "recovered"
    """it is allowed again, with the content that was allowed before"""

    @property
    def is_drift(self) -> bool:
        """Whether somebody has to look."""
        return self not in {EventKind.CHECKED, EventKind.RECOVERED}


@dataclass(frozen=True, slots=True)
class Look:
    """One look at an artifact."""

    verdict: str
    """of the policy: `allow`, `deny`, `would deny`, …; `gone` when nothing is there"""
    kind: EventKind
    """`checked` when the policy allows it, else what kept it from that"""
    exit: Exit
    """exit code of the decision"""
    identity: str
    """`wm1:<hex>` of what was seen; empty when it has none"""
    reasons: tuple[str, ...]
    """codes of the checks that did not pass, sorted"""
    allowed: str = ""
    """identity of what was allowed last, now or earlier; empty for nothing yet"""

    @classmethod
    def gone(cls) -> Self:
        """Return the look at nothing."""
        return cls("gone", EventKind.GONE, Exit.BAD, "", ("gone",))

    def to_bytes(self, path: str) -> bytes:
        """Return the look at the artifact at `path`, which is absolute, as a state file."""
        members = {"schema": _STATE_FORM, "path": path, **asdict(self), "exit": int(self.exit)}
        return json.dumps(members, indent=1, sort_keys=True).encode("ascii") + b"\n"

    @classmethod
    def parse(cls, data: bytes, path: str) -> Self:
        """Read a state file about the artifact at `path`.

        Raises `CallError` for a state of another path, and `MalformedError` for anything else.
        """
        members = parse_object(data, what="the state file")
        if members.pop("schema", None) != _STATE_FORM:
            raise MalformedError("this is no state file of a watch", fix="name another file")
        _require_about(members.pop("path", None), path)
        try:
            words = {name: _word(members.pop(name)) for name in ("verdict", "identity", "allowed")}
            kind, code = EventKind(_word(members.pop("kind"))), Exit(members.pop("exit"))
            reasons = tuple(map(_word, members.pop("reasons")))
        except (KeyError, ValueError, TypeError) as error:
            raise MalformedError("the state file of the watch is damaged") from error
        if members:
            raise MalformedError("the state file of the watch has other members")
        return cls(words["verdict"], kind, code, words["identity"], reasons, words["allowed"])


@dataclass(frozen=True, slots=True)
class Event:
    """What is said of one look."""

    kind: EventKind
    """what is new"""
    at: str
    """when it was looked at, RFC 3339 in UTC"""
    path: str
    """the artifact, as it was named"""
    look: Look
    """what was seen"""
    before: str
    """identity of what was allowed before; empty for nothing"""

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON."""
        return {
            "event": self.kind.value,
            "drift": self.kind.is_drift,
            "at": self.at,
            "path": self.path,
            "verdict": self.look.verdict.replace(" ", "-"),
            "code": int(self.look.exit),
            "identity": self.look.identity or None,
            "before": self.before or None,
            "reasons": list(self.look.reasons),
        }


def compare(before: Look | None, now: Look) -> tuple[EventKind, Look]:
    """Return what is new, and the look to remember.

    What was allowed last is remembered through looks at nothing and at what was refused, so that no
    detour hides that other content came back.
    """
    allowed = before.allowed if before else ""
    if now.kind is not EventKind.CHECKED:
        known = replace(now, allowed=allowed)
        same = before is not None and (before.verdict, before.identity, before.reasons) == (
            now.verdict,
            now.identity,
            now.reasons,
        )
        return (EventKind.CHECKED if same else now.kind), known
    known = replace(now, allowed=now.identity)
    if allowed and allowed != now.identity:
        return EventKind.CHANGED, known
    if before is not None and before.kind is not EventKind.CHECKED:
        return EventKind.RECOVERED, known
    return EventKind.CHECKED, known


def _require_about(known: object, path: str) -> None:
    """Refuse a state that was written about another artifact: what was allowed there says nothing here."""
    if not isinstance(known, str):
        raise MalformedError("the state file of the watch names no path", fix="remove it")
    if known != path:
        raise CallError(
            "the state file of the watch is of another path",
            why=f"it is about `{known[:_LONGEST_PATH]}`, and `{path[:_LONGEST_PATH]}` is watched",
            fix="name a state file of its own for each path, or remove this one",
        )


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a word is no text")
    return value
