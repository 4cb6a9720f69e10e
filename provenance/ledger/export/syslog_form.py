"""Syslog (RFC 5424): one message an entry, its fields as structured data; facility 13, log audit."""

from collections.abc import Iterable, Iterator

from weightmark.provenance.ledger.export.interface import row_of, severity_of
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Syslog"]

_FACILITY = 13
_SEVERITIES = {1: 6, 2: 5, 3: 4}
"""informational, notice, warning"""
_DATA_ID = "ledger@32473"
"""32473 is the enterprise number for examples (RFC 5612): ours is not registered"""
_MAX_HOST = 255


class Syslog:
    """Messages for transport with newline framing (RFC 6587 §3.4.2): none holds a line end."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield one message a line."""
        for logged in entries:
            yield _message(logged).encode() + b"\n"


def _message(logged: LoggedEvent) -> str:
    event, row = logged.event, row_of(logged)
    priority = 8 * _FACILITY + _SEVERITIES[severity_of(logged)]
    data = " ".join(f'{_name(name)}="{_value(row[name])}"' for name in row)
    text = f"{event.kind.value} of {event.subject or 'the log'}"
    return (
        f"<{priority}>1 {event.at} {_host(event.origin)} weightmark - {event.kind.value.upper()} "
        f"[{_DATA_ID} {data}] {_printable(text)}"
    )


def _host(origin: str) -> str:
    """Return the origin as a HOSTNAME: printable ASCII without spaces; `-` for one that is none."""
    plain = "".join(letter if "!" <= letter <= "~" else "?" for letter in origin)
    return plain[:_MAX_HOST] or "-"


def _name(column: str) -> str:
    return column.replace("_", "-")


def _value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
    return _printable(escaped)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
