"""Figures: a share or a mean with its formula, numerator and denominator; nothing is a share of nothing."""

from datetime import timedelta

from weightmark.values import dataclass

__all__ = ["NO_DATA", "Duration", "Figure", "duration_words"]

NO_DATA = "no data"
"""what is said instead of a share of nothing"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of things, each counted once."""

    id: str
    """stable word"""
    title: str
    """what it tells"""
    formula: str
    """numerator / denominator, in words"""
    numerator: int
    """how many"""
    denominator: int
    """of how many"""
    entries: tuple[int, ...] = ()
    """the entries that make the numerator, one for each thing in it, rising"""

    @property
    def unit(self) -> str:
        """What the numerator counts."""
        return "share"

    @property
    def value(self) -> str:
        """The share in words: `3 of 4 (75.0 %)`, rounded down so that only all of them are 100 %; `no data` of nothing."""
        if not self.denominator:
            return NO_DATA
        tenths = self.numerator * 1000 // self.denominator
        return f"{self.numerator} of {self.denominator} ({tenths // 10}.{tenths % 10} %)"


@dataclass(frozen=True, slots=True)
class Duration:
    """A mean time."""

    id: str
    """stable word"""
    title: str
    """what it tells"""
    formula: str
    """numerator / denominator, in words"""
    total: timedelta
    """the numerator"""
    count: int
    """the denominator"""
    entries: tuple[int, ...] = ()
    """the deployments whose times are in the numerator, rising"""

    @property
    def unit(self) -> str:
        """What the numerator counts."""
        return "seconds"

    @property
    def numerator(self) -> int:
        """Whole seconds."""
        return int(self.total.total_seconds())

    @property
    def denominator(self) -> int:
        """Of how many."""
        return self.count

    @property
    def value(self) -> str:
        """The mean in words; `no data` of nothing."""
        if not self.count:
            return NO_DATA
        return duration_words(self.total / self.count)


def duration_words(length: timedelta) -> str:
    """Return a length of time as `3 d 4 h`, `5 min 2 s` or `0 s`: its two largest units."""
    seconds = int(abs(length).total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return f"{'-' if length < timedelta(0) else ''}{' '.join(parts[:2]) or '0 s'}"
