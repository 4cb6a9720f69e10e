"""How often each SHA-256 was seen, sorted, in 40 bytes a digest instead of an object each."""

from array import array
from bisect import bisect_right
from collections import Counter
from itertools import accumulate

__all__ = ["DigestTally", "TallyKeys", "TallyRows"]

_SIZE = 32
_PARTS = 256
_FEWEST_PENDING = 4096


class DigestTally:
    """Counts digests; those that begin with one byte are kept and sorted together."""

    def __init__(self) -> None:
        """Begin with none."""
        self._parts = [_Part() for _ in range(_PARTS)]
        self._distinct = 0
        self._starts: list[int] = []

    def add(self, digest: bytes) -> int:
        """Count a digest of 32 bytes; return how many different ones there are at least."""
        part = self._parts[digest[0]]
        part.pending += digest
        if len(part.pending) >= _SIZE * max(_FEWEST_PENDING, len(part.counts)):
            self._settle(part)
        return self._distinct

    def finish(self) -> int:
        """Sort what is left; return how many different digests there are."""
        for part in self._parts:
            self._settle(part)
        self._starts = list(accumulate((len(part.counts) for part in self._parts), initial=0))
        return self._distinct

    def at(self, number: int) -> tuple[bytes, int]:
        """Return a digest by its place in the order, after `finish`, and how often it was seen."""
        place = bisect_right(self._starts, number) - 1
        part, index = self._parts[place], number - self._starts[place]
        return bytes(part.digests[index * _SIZE : (index + 1) * _SIZE]), part.counts[index]

    def _settle(self, part: "_Part") -> None:
        before = len(part.counts)
        part.settle()
        self._distinct += len(part.counts) - before


class _Part:
    """Digests one behind the other: sorted ones with their counts, and those that came since."""

    def __init__(self) -> None:
        self.digests = bytearray()
        self.counts = array("Q")
        self.pending = bytearray()

    def settle(self) -> None:
        """Sort in what came since."""
        if not self.pending:
            return
        found = Counter(_cut(self.pending))
        self.pending = bytearray()
        for digest, count in zip(_cut(self.digests), self.counts, strict=True):
            found[digest] += count
        ordered = sorted(found)
        self.digests = bytearray(b"".join(ordered))
        self.counts = array("Q", [found[digest] for digest in ordered])


class TallyKeys:
    """The digests of a finished tally in hex, in their order."""

    def __init__(self, tally: DigestTally, count: int) -> None:
        """Take a tally and what its `finish` returned."""
        self._tally = tally
        self._count = count

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def __getitem__(self, number: int, /) -> bytes:
        """Return one, 64 characters."""
        return self._tally.at(number)[0].hex().encode()


class TallyRows(TallyKeys):
    """A line for each digest: hex, a space, how often it was seen, a line feed."""

    def __getitem__(self, number: int, /) -> bytes:
        """Return one."""
        digest, count = self._tally.at(number)
        return f"{digest.hex()} {count}\n".encode()


def _cut(joined: bytearray) -> list[bytes]:
    return [bytes(joined[at : at + _SIZE]) for at in range(0, len(joined), _SIZE)]
