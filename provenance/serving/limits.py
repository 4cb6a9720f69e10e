"""How much one client, and all of them together, may ask of a service. Pure: the clock is given."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["ByteBudget", "OverBudgetError", "RateLimit"]

_CLIENTS = 10_000


class RateLimit:
    """A bucket for each address: `rate` a second, and up to two seconds' worth at once.

    The 10,000 addresses that asked last are known; one that was forgotten begins with a full bucket.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow `rate` a second; 0 is no bound."""
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, count: int = 1) -> float:
        """Take one, or `count` at once; returns 0, or the seconds after which there are as many.

        Over two seconds' worth at once there never are: they are taken when the bucket is full.
        """
        if not self._rate or not count:
            return 0.0
        now, most = self._clock(), max(1.0, 2 * self._rate)
        left, then = self._buckets.pop(address, (most, now))
        left = min(most, left + (now - then) * self._rate)
        wanted = min(count, most)
        wait = 0.0 if left >= wanted else (wanted - left) / self._rate
        self._buckets[address] = (left if wait else left - wanted, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        return wait


class OverBudgetError(Exception):
    """There is no room for another request at the moment."""


class ByteBudget:
    """Bytes that may be held at the same time. One thread uses it."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def reserve(self) -> Iterator[Callable[[int], None]]:
        """Give a function that takes bytes until the block ends; it raises `OverBudgetError`."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise OverBudgetError
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken
