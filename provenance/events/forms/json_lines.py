"""JSON lines: every fact of an event under its own name, schema `weightmark/event/v1`."""

import json
from dataclasses import asdict
from typing import Any

from weightmark.provenance.events.event import Event, stamp

__all__ = ["JsonLines", "event_members", "json_array"]

_SCHEMA = "weightmark/event/v1"


class JsonLines:
    """ASCII JSON, so that no line end but our own stands in it."""

    media_type = "application/json"

    def render(self, event: Event) -> bytes:
        """Return one object."""
        members = {"schema": _SCHEMA, **event_members(event)}
        return json.dumps(members, sort_keys=True, ensure_ascii=True).encode("ascii")

    def together(self, lines: list[bytes]) -> bytes:
        """Return a JSON array."""
        return json_array(lines)


def event_members(event: Event) -> dict[str, Any]:
    """Return the facts of an event as JSON values; what is not known is null."""
    return {
        "uid": event.uid,
        "call": event.call,
        "at": stamp(event.at),
        "host": event.host,
        "version": event.version,
        "kind": event.kind.value,
        "command": event.command,
        "verdict": event.verdict,
        "exit": event.exit,
        "severity": event.severity.name.lower(),
        "message": event.message,
        "subject": {"name": event.subject.name, "identity": event.subject.identity or None},
        "checks": [asdict(one) for one in event.checks],
        "finding": asdict(event.finding) if event.finding else None,
        "policy": asdict(event.policy) if event.policy else None,
        "signers": list(event.signers),
        "act": event.act.value if event.kind == "activity" else None,
        "counts": dict(event.counts),
        "labels": dict(event.labels),
        "truncated": event.truncated,
    }


def json_array(lines: list[bytes]) -> bytes:
    """Return JSON texts as one array."""
    return b"[" + b",\n".join(lines) + b"]"
