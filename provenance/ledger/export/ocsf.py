"""OCSF: each entry is an Entity Management event (class 3004), one JSON object a line."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from weightmark.provenance.events.event import Severity, milliseconds
from weightmark.provenance.events.forms.ocsf import (
    OCSF_VERSION,
    classified,
    severity_members,
)
from weightmark.provenance.events.product import PRODUCT
from weightmark.provenance.ledger.event import parse_time
from weightmark.provenance.ledger.export.interface import row_of, severity_of
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Ocsf"]

_CLASS, _NAME = 3004, "Entity Management"
_ACTIVITIES = {
    "revoke": (4, "Delete"),
    "redact": (4, "Delete"),
    "policy": (3, "Update"),
    "key": (3, "Update"),
}
_CREATE = (1, "Create")
_SEVERITIES = {1: Severity.INFORMATIONAL, 2: Severity.LOW, 3: Severity.HIGH}


class Ocsf:
    """ASCII JSON lines in the Open Cybersecurity Schema Framework."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield one event a line."""
        for logged in entries:
            yield json.dumps(_event(logged), sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _event(logged: LoggedEvent) -> dict[str, Any]:
    event = logged.event
    return {
        **classified(_CLASS, _NAME, _ACTIVITIES.get(event.kind.value, _CREATE)),
        **severity_members(_SEVERITIES[severity_of(logged)]),
        "actor": {"user": {"uid": event.submitter, "type_id": 99, "type": "ledger submitter"}},
        "entity": {"uid": event.subject or event.origin, "type": event.kind.value},
        "message": f"{event.kind.value} of {event.subject or 'the log'}",
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": PRODUCT.name, "vendor_name": PRODUCT.vendor},
            "log_name": event.origin,
            "sequence": logged.index,
            "uid": event.event_id,
        },
        "status": "Success",
        "status_id": 1,
        "time": milliseconds(parse_time(event.at)),
        "unmapped": row_of(logged),
    }
