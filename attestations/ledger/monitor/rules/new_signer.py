"""Rule `new-signer`: a known model has a new signer or issuer."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.provenance.ledger.event import Kind

__all__ = ["NewSigner"]


class NewSigner:
    """A known model released by somebody who never released it before."""

    id = "new-signer"
    title = "a known model has a new signer or issuer"
    severity = "high"
    help = "ask the publisher whether the key or identity is theirs; if not, revoke the release"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Compare with whoever released a model of this name before."""
        if seen.event.kind is not Kind.RELEASE or not seen.name:
            return
        model, news = known.model(seen.name), []
        for what, value in (("signer", seen.event.signer), ("issuer", seen.issuer)):
            before = model.setdefault(f"{what}s", [])
            if value and value not in before:
                if before:
                    news.append(f"the new {what} `{value}`; before: {', '.join(before[:3])}")
                before.append(value)
        if news:
            said = f"`{seen.name}` has {', and '.join(news)}"
            yield Alert(self.id, self.severity, seen.index, said, seen.event.subject)

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
