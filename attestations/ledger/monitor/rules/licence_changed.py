"""Rule `licence-changed`: the licence changed."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch

__all__ = ["LicenceChanged"]


class LicenceChanged:
    """A known model or dataset whose licence is another one."""

    id = "licence-changed"
    title = "the licence changed"
    severity = "medium"
    help = "ask whoever uses it whether the new licence allows that"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Compare with the licences that were stated of this name before."""
        if not seen.licenses or not seen.name:
            return
        model = known.model(seen.name)
        before, now = model.get("licenses", []), list(seen.licenses)
        if before and before != now:
            said = f"`{seen.name}` is now under {', '.join(now)}; before: {', '.join(before)}"
            yield Alert(self.id, self.severity, seen.index, said, seen.event.subject)
        model["licenses"] = now

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
