"""Rule `watched`: an entry about one of yours."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch

__all__ = ["Watched"]


class Watched:
    """Entries about own artifacts, and by own signers."""

    id = "watched"
    title = "an entry about one of yours"
    severity = "low"
    help = "check that you expected it; a signature by your key that you did not make means that the key is lost"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Report what is watched."""
        event = seen.event
        if event.subject in watch.subjects:
            said = f"{event.kind} of `{event.subject}` by {event.signer}"
            yield Alert(self.id, self.severity, seen.index, said, event.subject)
        elif {event.signer, event.submitter} & watch.signers:
            said = f"{event.kind} by your signer {event.signer}, submitted by {event.submitter}"
            yield Alert(self.id, self.severity, seen.index, said, event.subject)

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
