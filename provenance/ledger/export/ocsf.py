"""OCSF 1.3: each entry is an Entity Management event (class 3004), one JSON object a line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from weightmark.provenance.ledger.event import parse_time
from weightmark.provenance.ledger.export.interface import row_of, severity_of
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Ocsf"]

_CLASS = 3004
_CATEGORY = 3
_ACTIVITIES = {
    "revoke": (4, "Delete"),
    "redact": (4, "Delete"),
    "policy": (3, "Update"),
    "key": (3, "Update"),
}
_CREATE = (1, "Create")
_SEVERITIES = {1: (1, "Informational"), 2: (2, "Low"), 3: (4, "High")}


class Ocsf:
    """ASCII JSON lines in the Open Cybersecurity Schema Framework."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield one event a line."""
        for logged in entries:
            yield json.dumps(_event(logged), sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _event(logged: LoggedEvent) -> dict[str, Any]:
    event = logged.event
    activity, activity_name = _ACTIVITIES.get(event.kind.value, _CREATE)
    severity, severity_name = _SEVERITIES[severity_of(logged)]
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "actor": {"user": {"uid": event.submitter, "type_id": 99, "type": "ledger submitter"}},
        "category_uid": _CATEGORY,
        "class_uid": _CLASS,
        "entity": {"uid": event.subject or event.origin, "type": event.kind.value},
        "message": f"{event.kind.value} of {event.subject or 'the log'}",
        "metadata": {
            "version": "1.3.0",
            "product": {"name": "weightmark", "vendor_name": "weightmark"},
            "log_name": event.origin,
            "sequence": logged.index,
            "uid": event.event_id,
        },
        "severity": severity_name,
        "severity_id": severity,
        "status_id": 1,
        "time": int(parse_time(event.at).timestamp() * 1000),
        "type_uid": _CLASS * 100 + activity,
        "unmapped": row_of(logged),
    }
