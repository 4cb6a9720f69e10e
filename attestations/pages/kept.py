"""What pages found out and may need again: bounded, and forgotten with the state of the log that it is about."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

__all__ = ["Kept"]

T = TypeVar("T")

_MAX_WEIGHT = 32 * 1024 * 1024
_LEAST = 4096


class Kept:
    """Keeps the values that were asked for last. Threads may share it."""

    def __init__(self, max_weight: int = _MAX_WEIGHT) -> None:
        self._max = max_weight
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: Hashable, make: Callable[[], T], weight: int = _LEAST) -> T:
        """Return what is kept under `key`, or make it; `weight` is about the bytes that it came from.

        What `make` raises is raised, and nothing is kept.
        """
        with self._lock:
            kept = self._found.get(key)
            if kept is not None:
                self._found.move_to_end(key)
                return cast("T", kept[0])
        made = make()
        self._keep(key, made, max(weight, _LEAST))
        return made

    def _keep(self, key: Hashable, made: object, weight: int) -> None:
        if weight > self._max:
            return
        with self._lock:
            before = self._found.pop(key, None)
            self._weight += weight - (before[1] if before else 0)
            self._found[key] = (made, weight)
            while self._weight > self._max:
                _, (_, gone) = self._found.popitem(last=False)
                self._weight -= gone
