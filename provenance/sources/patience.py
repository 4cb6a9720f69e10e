"""Trying again what broke off: a few times, a little later each time, and never for ever."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from weightmark.errors import NetworkError
from weightmark.provenance.sources.interface import TransferBrokenError

__all__ = ["ATTEMPTS", "given_up", "patiently", "pauses"]

ATTEMPTS = 6
"""how often something is tried that makes no progress"""
_FIRST, _LONGEST = 0.25, 8.0
"""seconds"""

T = TypeVar("T")


def patiently(action: Callable[[], T], *, sleep: Callable[[float], object] = time.sleep) -> T:
    """Return what `action` returns, trying again what broke off; raises `NetworkError` in the end."""
    waits = pauses()
    while True:
        try:
            return action()
        except TransferBrokenError as broken:
            wait = next(waits, None)
            if wait is None:
                raise given_up(broken) from broken
            sleep(max(wait, broken.wait))


def pauses() -> Iterator[float]:
    """Yield the seconds to wait after each failure, one fewer than `ATTEMPTS`."""
    for attempt in range(ATTEMPTS - 1):
        yield min(_LONGEST, _FIRST * 2**attempt)


def given_up(broken: TransferBrokenError) -> NetworkError:
    """Return the error for what broke off too often."""
    return NetworkError(
        broken.what,
        why=f"it was tried {ATTEMPTS} times",
        fix="try again later: what was fetched is kept, and the rest is fetched then",
    )
