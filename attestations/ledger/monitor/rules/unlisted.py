"""Rule `unlisted`: a release whose files are listed outside of the ledger."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.provenance.ledger.event import Kind

__all__ = ["Unlisted"]


class Unlisted:
    """A release that no rule can compare: its claim names the list of its files by a digest alone."""

    id = "unlisted"
    title = "the files of a release are listed outside of the ledger"
    severity = "medium"
    help = "compare the releases where they lie: `weightmark diff`; scan the files before anybody loads them"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say so of a release: size and format were compared with nothing."""
        if seen.event.kind is Kind.RELEASE and seen.unlisted:
            said = "the files of a release are listed outside of the ledger, so its size and format were not compared"
            yield Alert(self.id, self.severity, seen.index, said, seen.event.subject)

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
