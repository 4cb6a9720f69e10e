"""Counts over time as an inline SVG, with a table that says the same. Pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from html import escape

from weightmark.attestations.pages.index.page_index import Day
from weightmark.values import dataclass

__all__ = ["Bar", "Timeline"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()
_FIRST = (datetime.min.replace(tzinfo=UTC).date() - _EPOCH).days
_MOST_BARS = 60
_STEPS = (1, 7, 30, 90, 365)
_WIDTH, _HEIGHT, _FOOT, _WIDEST = 360, 100, 18, 24


@dataclass(frozen=True, slots=True)
class Bar:
    """What fell into one span of days."""

    first: date
    """its first day, UTC"""
    counts: tuple[int, ...]
    """one for each series"""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Some series over time, in equal spans."""

    series: tuple[str, ...]
    """their names"""
    days: int
    """days of one span"""
    bars: tuple[Bar, ...]
    """rising, without gaps"""

    @classmethod
    def of(cls, days: Sequence[Day], series: tuple[str, ...]) -> "Timeline":
        """Sum days up into at most 60 spans; the newest are kept where there are more."""
        if not days:
            return cls(series, 1, ())
        first, last = days[0].day, days[-1].day
        step = next((one for one in _STEPS if (last - first) // one < _MOST_BARS), _STEPS[-1])
        newest = last // step
        oldest = max(first // step, newest - _MOST_BARS + 1)
        sums = {at: [0] * len(series) for at in range(oldest, newest + 1)}
        for one in days:
            if one.day // step in sums:
                sums[one.day // step][series.index(one.series)] += one.count
        bars = (Bar(_date(at * step), tuple(row)) for at, row in sums.items())
        return cls(series, step, tuple(bars))

    @property
    def totals(self) -> tuple[int, ...]:
        """The sum of each series over what is shown."""
        return tuple(sum(bar.counts[at] for bar in self.bars) for at in range(len(self.series)))

    def picture(self, at: int) -> str:
        """Return one series as SVG: bars, their days in titles; no scripts, no links, no styles."""
        most = max((bar.counts[at] for bar in self.bars), default=0) or 1
        step = _WIDTH / max(len(self.bars), 1)
        width = min(step, _WIDEST)
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            f' class="bars bars-{escape(self.series[at])}" aria-hidden="true" focusable="false">'
        )
        lines = [opening]
        for number, bar in enumerate(self.bars):
            height = bar.counts[at] / most * (_HEIGHT - _FOOT)
            lines.append(
                f'<rect x="{number * step:.1f}" y="{_HEIGHT - _FOOT - height:.1f}"'
                f' width="{max(width - 1, 1):.1f}" height="{height:.1f}">'
                f"<title>{bar.first.isoformat()}: {bar.counts[at]}</title></rect>"
            )
        if self.bars:
            base = _HEIGHT - 4
            lines.append(f'<text x="0" y="{base}">{self.bars[0].first.isoformat()}</text>')
            last = self.bars[-1].first.isoformat()
            if len(self.bars) > 1:
                lines.append(f'<text x="{_WIDTH}" y="{base}" text-anchor="end">{last}</text>')
        return "\n".join([*lines, "</svg>"])


def _date(day: int) -> date:
    """Return the date of a day since 1970, or the first that there is: a log's clock can say anything."""
    return _EPOCH + timedelta(days=max(day, _FIRST))
