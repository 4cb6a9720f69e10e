"""Rule `erased-unseen`: the claim of a release was erased before the monitor read it."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.provenance.ledger.event import Kind

__all__ = ["ErasedUnseen"]


class ErasedUnseen:
    """A release that no rule could judge, because its claim was erased before."""

    id = "erased-unseen"
    title = "the claim of a release was erased before the monitor read it"
    severity = "high"
    help = "ask the operator why, and the signer for the claim: the release still verifies where it lies"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say so of a release: signer, size, format and licence were compared with nothing."""
        if seen.erased and seen.event.kind is Kind.RELEASE:
            said = "the claim of a release was erased before it was read, so no rule judged it"
            yield Alert(self.id, self.severity, seen.index, said, seen.event.subject)

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
