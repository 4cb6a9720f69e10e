"""A clock that tests can set."""

from datetime import UTC, datetime, timedelta

__all__ = ["SimClock"]


class SimClock:
    """The time by which every simulated service lives: the real time plus an offset."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the simulated time, in UTC, in whole seconds."""
        return (datetime.now(UTC) + self.offset).replace(microsecond=0)

    def shift(self, by: timedelta) -> None:
        """Move the clock, forward or back."""
        self.offset += by
