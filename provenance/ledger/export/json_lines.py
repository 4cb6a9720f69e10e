"""JSON lines: one object an entry, its leaf as it stands in the log under `event`."""

import json
from collections.abc import Iterable, Iterator

from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["JsonLines"]


class JsonLines:
    """ASCII JSON, so that no line end but our own stands in it."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield one line an entry."""
        for logged in entries:
            document = {"index": logged.index, "event": json.loads(logged.body)}
            yield json.dumps(document, sort_keys=True, ensure_ascii=True).encode() + b"\n"
