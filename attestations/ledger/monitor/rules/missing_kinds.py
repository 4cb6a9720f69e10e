"""Rule `missing-kinds`: a release without its usual entries."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.provenance.ledger.event import Kind, parse_time

__all__ = ["MissingKinds"]


class MissingKinds:
    """A release that is not followed by the entries that releases usually have."""

    id = "missing-kinds"
    title = "a release without its usual entries"
    severity = "medium"
    help = "ask the publisher for what is missing; `weightmark ledger list --subject` shows what is there"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:
        """Wait for the usual kinds of each release, by its subject; they may come before it."""
        event = seen.event
        if event.kind in watch.usual_kinds:
            there = known.early.setdefault(event.subject, [])
            known.early[event.subject] = sorted({*there, event.kind.value})
        for waiting in known.waiting.values():
            if waiting["subject"] == event.subject and event.kind in waiting["missing"]:
                waiting["missing"].remove(event.kind)
        if event.kind is Kind.RELEASE:
            missing = sorted(watch.usual_kinds - {*known.early.get(event.subject, ())})
            known.waiting[str(seen.index)] = {
                "subject": event.subject,
                "at": event.at,
                "missing": missing,
            }
        return iter(())

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:
        """Report releases that waited too long, once."""
        for index, waiting in list(known.waiting.items()):
            late = (now - parse_time(waiting["at"])).total_seconds() > watch.patience
            if waiting["missing"] and not late:
                continue
            del known.waiting[index]
            if waiting["missing"]:
                said = f"the release has no entry of kind {', '.join(waiting['missing'])}"
                yield Alert(self.id, self.severity, int(index), said, waiting["subject"])
