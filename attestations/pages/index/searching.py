"""Searching the index: from the newest entry back, in windows, until a page is full or its time is over.

A page whose time is over says how far it looked, and the next one goes on there: nothing is left out.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from weightmark.attestations.pages.index.filters import Filter, Place
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.values import dataclass

__all__ = ["PAGE", "Found", "Searcher"]

PAGE = 50
"""entries of one page"""
WINDOW = 50_000
"""entries that are looked through without a look at the clock"""
SECONDS = 0.08
"""after which a page stops looking"""
_FEW, _FEW_TEXTS = 20_000, 1000
"""rows of one condition that are looked through in any case; fewer where each one's text is looked at"""
_QUOTE = '"'


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search."""

    places: tuple[int, ...]
    """entries that fit, falling"""
    older: int | None
    """`before` of the page with older ones; None when there are none"""
    newer: int | None
    """`after` of the page with newer ones; None when there are none"""
    whole: bool
    """whether everything between the first and the last was looked at; otherwise `older` or `newer` goes on"""


@dataclass(frozen=True, slots=True)
class _Condition:
    """What SQLite is asked."""

    tables: str
    """what stands behind `from`, the table or index that leads first"""
    where: str
    """with a place for each of `values`"""
    values: tuple[Any, ...]
    """in the order of `where`"""
    key: str
    """the column that is walked along"""
    window: int
    """entries to look through at once"""


class Searcher:
    """Searches one open index."""

    def __init__(
        self,
        index: PageIndex,
        *,
        page: int = PAGE,
        window: int = WINDOW,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._index = index
        self._page = page
        self._window = window
        self._seconds = seconds
        self._clock = clock

    def search(self, asked: Filter, place: Place) -> Found:
        """Return one page of the entries that fit."""
        low, high = self._index.bounds(asked.first_second, asked.last_second)
        condition = self._condition(asked)
        if condition is None or low > high:
            return Found((), None, None, whole=True)
        if place.after is None:
            return self._back(condition, low, high, place.before)
        return self._forth(condition, low, high, place.after)

    def _back(self, condition: _Condition, low: int, high: int, before: int | None) -> Found:
        start = high if before is None else min(high, before - 1)
        windows = (
            (max(low, top - condition.window + 1), top)
            for top in range(start, low - 1, -condition.window)
        )
        found, seen_to = self._scan(condition, windows, "desc")
        full = len(found) > self._page
        shown = tuple(found[: self._page])
        whole = full or seen_to is None
        older = shown[-1] if full else seen_to[0] if seen_to else None
        newer = None
        if before is not None and start < high:
            newer = shown[0] if shown else before - 1
        return Found(shown, older, newer, whole)

    def _forth(self, condition: _Condition, low: int, high: int, after: int) -> Found:
        start = max(low, after + 1)
        windows = (
            (bottom, min(high, bottom + condition.window - 1))
            for bottom in range(start, high + 1, condition.window)
        )
        found, seen_to = self._scan(condition, windows, "asc")
        full = len(found) > self._page
        shown = tuple(reversed(found[: self._page]))
        newer = shown[0] if full else seen_to[1] if seen_to else None
        older = (shown[-1] if shown else after + 1) if start > low else None
        return Found(shown, older, newer, full or seen_to is None)

    def _scan(
        self, condition: _Condition, windows: Iterator[tuple[int, int]], order: str
    ) -> tuple[list[int], tuple[int, int] | None]:
        """Return what fits, one more than a page at most, and the last window when the time was over before the end."""
        statement = (
            f"select {condition.key} from {condition.tables} where {condition.where}"  # noqa: S608 - fixed texts only; values go beside it
            f" and {condition.key} between ? and ? order by {condition.key} {order} limit ?"
        )
        found: list[int] = []
        end = self._clock() + self._seconds
        last: tuple[int, int] | None = None
        for low, high in windows:
            if last is not None and self._clock() > end:
                return found, last
            limit = self._page + 1 - len(found)
            rows = self._index.db.execute(statement, (*condition.values, low, high, limit))
            found += [row[0] for row in rows]
            if len(found) > self._page:
                return found, None
            last = (low, high)
        return found, None

    def _condition(self, asked: Filter) -> _Condition | None:
        """Return what to ask, the rarest condition first; None when nothing can fit."""
        parts: list[tuple[int, str, str, Any]] = []
        for field in ("subject", "signer"):
            name = getattr(asked, field)
            if name:
                number = self._index.name_id(name)
                if number is None:
                    return None
                count = sum(self._index.tally(name, field).values())
                parts.append((count, f"entry_{field}", f"entry.{field} = ?", number))
        if asked.kind:
            count = self._index.totals().get(asked.kind, 0)
            parts.append((count, "entry_kind", "entry.kind = ?", asked.kind))
        if asked.verdict:
            parts.append((_FEW + 1, "entry_verdict", "entry.verdict = ?", asked.verdict.lower()))
        return self._ordered(asked, sorted(parts, key=lambda one: one[0]))

    def _ordered(self, asked: Filter, parts: list[tuple[int, str, str, Any]]) -> _Condition:
        clauses, values = [one[2] for one in parts], [one[3] for one in parts]
        for second, sign in ((asked.first_second, ">="), (asked.last_second, "<=")):
            if second is not None:
                clauses.append(f"entry.at {sign} ?")
                values.append(second)
        everything = self._index.size + 1
        lead = f"entry indexed by {parts[0][1]}" if parts else "entry"
        rarest = parts[0][0] if parts else everything
        if not asked.words:
            quick = rarest <= _FEW or len(clauses) <= len(parts) == 1
            window = everything if quick else self._window
            where = " and ".join(clauses or ["1"])
            return _Condition(lead, where, tuple(values), "entry.idx", window)
        clauses.append("search match ?")
        values.append(" ".join(f'"{word.replace(_QUOTE, _QUOTE * 2)}"' for word in asked.words))
        where = " and ".join(clauses)
        if parts and rarest <= _FEW_TEXTS:
            tables = f"{lead} cross join search on search.rowid = entry.idx"
            return _Condition(tables, where, tuple(values), "entry.idx", everything)
        tables = "search cross join entry on entry.idx = search.rowid"
        return _Condition(tables, where, tuple(values), "search.rowid", self._window)
