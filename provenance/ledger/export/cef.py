"""CEF (ArcSight Common Event Format, version 0): one line an entry."""

from collections.abc import Iterable, Iterator

from weightmark.provenance.events.event import milliseconds
from weightmark.provenance.events.forms.cef import cef_message
from weightmark.provenance.ledger.event import parse_time
from weightmark.provenance.ledger.export.interface import row_of, severity_of
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Cef", "cef_line"]

_SEVERITIES = {1: 1, 2: 5, 3: 8}
_EXTENSION = {
    "subject": "fname",
    "submitter": "suser",
    "signer": "cs1",
    "origin": "cs2",
    "claim_id": "cs3",
    "event_id": "externalId",
    "index": "cn1",
}
"""column to key; labels of the custom ones follow"""
_LABELS = {"cs1Label": "signer", "cs2Label": "log", "cs3Label": "claimId", "cn1Label": "index"}


class Cef:
    """Header fields escape the pipe, extension values the equals sign; line ends never stand in either."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield one line an entry."""
        for logged in entries:
            yield cef_line(logged).encode() + b"\n"


def cef_line(logged: LoggedEvent) -> str:
    """Return an entry as one CEF message without line end."""
    row, kind = row_of(logged), logged.event.kind.value
    header = ("weightmark", "ledger", "1", kind, f"ledger entry: {kind}")
    values = {_EXTENSION[name]: row[name] for name in _EXTENSION}
    values |= {"rt": str(milliseconds(parse_time(logged.event.at))), **_LABELS}
    return cef_message(header, _SEVERITIES[severity_of(logged)], values)
