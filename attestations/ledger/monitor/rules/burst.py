"""Rule `burst`: a burst of entries by one signer."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch

__all__ = ["Burst"]


class Burst:
    """Very many entries by one signer within a minute."""

    id = "burst"
    title = "a burst of entries by one signer"
    severity = "medium"
    help = "ask the signer; a stolen key or a broken job writes like this"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:
        """Count by the minute of the log's clock; report when the bound is reached."""
        minute = seen.event.at[:16]
        if known.minute != minute:
            known.minute, known.minutes = minute, {}
        signer = seen.event.submitter
        known.minutes[signer] = known.minutes.get(signer, 0) + 1
        if known.minutes[signer] == watch.burst:
            said = f"{watch.burst} entries submitted by {signer} within the minute {minute}"
            yield Alert(self.id, self.severity, seen.index, said)

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
