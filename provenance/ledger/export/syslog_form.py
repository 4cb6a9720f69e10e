"""Syslog (RFC 5424): one message an entry, its fields as structured data; facility 13, log audit."""

from collections.abc import Iterable, Iterator

from weightmark.provenance.events.rfc5424 import (
    INFORMATIONAL,
    NOTICE,
    WARNING,
    data_id,
    syslog_message,
)
from weightmark.provenance.ledger.export.interface import row_of, severity_of
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Syslog"]

_SEVERITIES = {1: INFORMATIONAL, 2: NOTICE, 3: WARNING}
_ELEMENT = data_id("ledger")


class Syslog:
    """Messages for transport with newline framing (RFC 6587 §3.4.2): none holds a line end."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield one message a line."""
        for logged in entries:
            yield _message(logged).encode() + b"\n"


def _message(logged: LoggedEvent) -> str:
    event = logged.event
    return syslog_message(
        _SEVERITIES[severity_of(logged)],
        event.at,
        host=event.origin,
        message_id=event.kind.value.upper(),
        element=_ELEMENT,
        data=row_of(logged),
        text=f"{event.kind.value} of {event.subject or 'the log'}",
    )
