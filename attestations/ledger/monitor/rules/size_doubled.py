"""Rule `size-doubled`: the size doubled."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.provenance.ledger.event import Kind

__all__ = ["SizeDoubled"]


class SizeDoubled:
    """A known model at least twice as big as its last release."""

    id = "size-doubled"
    title = "the size doubled"
    severity = "medium"
    help = "compare the releases with `weightmark diff`"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Compare with the last release of this name."""
        if seen.event.kind is not Kind.RELEASE or not seen.name or seen.size is None:
            return
        model = known.model(seen.name)
        before = model.get("size", 0)
        if before and seen.size >= 2 * before:
            said = f"`{seen.name}` has {seen.size} bytes; before: {before}"
            yield Alert(self.id, self.severity, seen.index, said, seen.event.subject)
        model["size"] = seen.size

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
