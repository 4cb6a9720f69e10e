"""The seam between entries and the forms in which they are exported."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["COLUMNS", "FORM_NAMES", "Form", "row_of", "severity_of"]

COLUMNS = (
    "index",
    "at",
    "kind",
    "subject",
    "signer",
    "submitter",
    "origin",
    "event_id",
    "claim_id",
    "claim_sha256",
    "request_sha256",
)
"""what every form carries of an entry, in this order"""
FORM_NAMES = ("jsonl", "csv", "ocsf", "cef", "syslog", "bundle")
"""what an export may be asked for"""
_SEVERE = {"revoke": 3, "reinstate": 2, "policy": 2, "key": 2, "redact": 2}


class Form(Protocol):
    """One form. What stands in an entry never becomes syntax of it."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield the export piece by piece, lines whole."""
        ...


def row_of(logged: LoggedEvent) -> dict[str, str]:
    """Return an entry as texts by column."""
    event = logged.event
    fields = {name: str(getattr(event, name)) for name in COLUMNS if name != "index"}
    return {name: fields.get(name, str(logged.index)) for name in COLUMNS}


def severity_of(logged: LoggedEvent) -> int:
    """Return 1 for what is usual, 2 for a change of the log, 3 for a revocation."""
    return _SEVERE.get(logged.event.kind.value, 1)
