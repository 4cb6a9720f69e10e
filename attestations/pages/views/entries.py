"""The page with the entries: search, filters, and pages by keyset."""

from weightmark.attestations.pages.index.filters import Filter, Place
from weightmark.attestations.pages.index.searching import PAGE, Found, Searcher
from weightmark.attestations.pages.source import EntryRow, Source
from weightmark.provenance.ledger.event import KINDS
from weightmark.values import dataclass

__all__ = ["EntriesView", "list_entries"]


@dataclass(frozen=True, slots=True)
class EntriesView:
    """One page of entries, newest first."""

    origin: str
    """name of the log"""
    size: int
    """entries of the log"""
    asked: Filter
    """what was searched for"""
    entries: tuple[EntryRow, ...]
    """those that fit, newest first"""
    older: int | None
    """`before` of the next page"""
    newer: int | None
    """`after` of the page before"""
    whole: bool
    """whether everything up to the next page was looked at"""
    behind: int
    """the newest entries that the search did not look at yet"""
    unread: int
    """claims that could not be read, so that they may fit as well; counted up to 1,000"""
    cut: int
    """claims of which the search looked at the beginning only"""
    kinds: tuple[str, ...]
    """every kind of entry, for the form"""


def list_entries(source: Source, asked: Filter, place: Place) -> EntriesView:
    """Return one page of the entries that fit."""
    by_text = bool(asked.text or asked.verdict)
    found = (
        _newest(source, place) if asked.is_empty else Searcher(source.index).search(asked, place)
    )
    return EntriesView(
        origin=source.ledger.origin,
        size=source.snapshot.head.size,
        asked=asked,
        entries=source.rows(found.places),
        older=found.older,
        newer=found.newer,
        whole=found.whole,
        behind=0 if asked.is_empty else source.behind,
        unread=source.index.unread() if by_text else 0,
        cut=source.index.cut if asked.text else 0,
        kinds=tuple(sorted(KINDS)),
    )


def _newest(source: Source, place: Place) -> Found:
    """Return a page of all entries, which need no index."""
    size = source.snapshot.head.size
    if place.after is not None:
        top = min(size, place.after + 1 + PAGE)
    else:
        top = size if place.before is None else min(size, place.before)
    bottom = max(0, top - PAGE)
    if place.after is not None:
        bottom = min(max(bottom, place.after + 1), top)
    places = tuple(range(top - 1, bottom - 1, -1))
    older = bottom if bottom > 0 else None
    newer = top - 1 if 0 < top < size else None
    return Found(places, older, newer, whole=True)
