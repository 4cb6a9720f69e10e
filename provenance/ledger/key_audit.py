"""The unique keys of a log, compared with what its entries give: one pass over the table for many entries."""

from collections.abc import Iterator

from weightmark.provenance.ledger.store.interface import StoreIndex

__all__ = ["KeyAudit"]

_WINDOW = 1 << 19
"""entries whose keys are held at the same time"""
_KEY = 32
_PAIR = 2 * _KEY


class KeyAudit:
    """Takes the keys of every entry in order, and names the entries that the table has otherwise.

    The table is read in the order of its keys, which must rise: so that each stands in it once.
    """

    def __init__(self, index: StoreIndex, *, window: int = _WINDOW) -> None:
        """Hold the keys of `window` entries at a time."""
        self._index = index
        self._size = window * _PAIR
        self._expected = bytearray()
        self._start = 0

    def push(self, keys: tuple[bytes, bytes]) -> Iterator[int]:
        """Take the keys of the next entry; yields entries that are wrong when a window is full."""
        self._expected += keys[0] + keys[1]
        if len(self._expected) == self._size:
            yield from self.settle()

    def settle(self) -> Iterator[int]:
        """Yield the entries taken since the last time whose keys belong to no or another entry."""
        start, end = self._start, self._start + len(self._expected) // _PAIR
        seen = bytearray(2 * (end - start))
        if end > start:
            self._mark(start, end, seen)
        for at in range(start, end):
            if seen[2 * (at - start) : 2 * (at - start) + 2] != b"\x01\x01":
                yield at
        self._start = end
        self._expected.clear()

    def _mark(self, start: int, end: int, seen: bytearray) -> None:
        expected, last = self._expected, b""
        for key, at in self._index.key_rows():
            if key <= last:
                continue
            last = key
            if start <= at < end:
                place = (at - start) * _PAIR
                if key == expected[place : place + _KEY]:
                    seen[2 * (at - start)] = 1
                elif key == expected[place + _KEY : place + _PAIR]:
                    seen[2 * (at - start) + 1] = 1
