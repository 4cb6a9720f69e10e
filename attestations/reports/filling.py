"""Filling a framework with what is known of one artifact."""

from weightmark.attestations.reports.dossier import Dossier
from weightmark.attestations.reports.interface import Filled, Framework, Item, Line, Missing, Status
from weightmark.attestations.reports.topics import TOPICS, lines_of

__all__ = ["fill", "status_counts"]


def fill(framework: Framework, dossier: Dossier) -> tuple[Filled, ...]:
    """Fill every item, in the framework's own order; only claims that count fill anything."""
    known = {one: lines_of(one, dossier) for item in framework.items for one in item.topics}
    return tuple(_filled(item, known) for item in framework.items)


def status_counts(filled: tuple[Filled, ...]) -> dict[Status, int]:
    """Count items by how far they are filled; every status is there."""
    return {status: sum(one.status is status for one in filled) for status in Status}


def _filled(item: Item, known: dict[str, tuple[Line, ...]]) -> Filled:
    lines = tuple(dict.fromkeys(line for topic in item.topics for line in known[topic]))
    missing = tuple(
        Missing(TOPICS[topic].title, TOPICS[topic].command)
        for topic in item.topics
        if not known[topic]
    )
    against = any(TOPICS[topic].speaks_against(known[topic]) for topic in item.topics)
    return Filled(item, _status(item, lines, missing, against=against), lines, missing)


def _status(
    item: Item, lines: tuple[Line, ...], missing: tuple[Missing, ...], *, against: bool
) -> Status:
    if not item.topics:
        return Status.PERSON
    if against:
        return Status.AGAINST
    if not lines:
        return Status.MISSING
    return Status.PARTLY if missing or item.person else Status.FILLED
