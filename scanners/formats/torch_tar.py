"""The parts of torch's oldest format: a tar whose members mix pickles with raw numbers.

`torch.serialization._legacy_load` reads them: `storages` holds a count, then for each storage a pickle
and its numbers, then a pickle of views; `tensors` a count, then for each tensor a pickle and its sizes;
`pickle` is the object, whose persistent ids name tensors.
"""

from collections.abc import Iterator
from dataclasses import replace

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.pickled import run_pickle
from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.run import Run
from weightmark.scanners.pickles.storages import item_size
from weightmark.scanners.pickles.values import Global
from weightmark.values import dataclass

__all__ = ["PARTS", "look_at_part"]

PARTS = frozenset({"pickle", "storages", "tensors"})
"""names of the members that torch unpickles"""
_NUMBER = 8
_ARGUMENTS = 3
_MOST_DIMENSIONS = 64


@dataclass(slots=True)
class _Cursor:
    """Where a part is read, and what is reported on the way."""

    place: Place
    examination: Examination
    at: int = 0

    def pickle(self) -> Run:
        """Run the pickle that stands here."""
        ended = run_pickle(self.place, self.examination, self.at)
        self.at = ended.end
        return ended

    def number(self, width: int) -> int | None:
        """Read a whole number, or None at the end."""
        raw = self.place.view.read_at(self.at, width)
        self.at += width
        return int.from_bytes(raw, "little", signed=True) if len(raw) == width else None


def look_at_part(part: str, place: Place, examination: Examination) -> bool:
    """Read one part as torch would; False if it does not begin as torch writes it."""
    place = replace(place, dialect=replace(place.dialect, torch=True, torch_tar=True))
    if part == "pickle":
        return examination.look(place)
    if place.head[:1] not in (b"\x80", b"I", b"K", b"L"):
        return False
    cursor = _Cursor(place, examination)
    for problem in _storages(cursor) if part == "storages" else _tensors(cursor):
        examination.find("PKL020", place, offset=cursor.at, detail=problem)
        examination.problem(f"torch's `{part}` cannot be followed: {problem}", place)
        examination.look(place)
        return True
    if cursor.at < place.view.size:
        rest = place.view.size - cursor.at
        examination.find("PKL013", place, offset=cursor.at, detail=f"{rest} bytes")
    return True


def _count(cursor: _Cursor) -> int | None:
    """Read how many entries follow."""
    ended = cursor.pickle()
    count = ended.result
    if ended.error or type(count) is not int or count < 0:
        return None
    if count > cursor.examination.limits.streams:
        raise over_limit(
            "streams", f"more than {cursor.examination.limits.streams} tensors in one file"
        )
    return count


def _storages(cursor: _Cursor) -> Iterator[str]:
    count = _count(cursor)
    if count is None:
        yield "no count"
        return
    for _ in range(count):
        described = cursor.pickle().result
        if not isinstance(described, tuple) or len(described) != _ARGUMENTS:
            yield "an entry is no key, place and type"
            return
        kind = described[2]
        size = item_size(kind.name) if isinstance(kind, Global) else 0
        numbers = cursor.number(_NUMBER)
        if not size or numbers is None or numbers < 0:
            yield "a storage has no known type or length"
            return
        cursor.at += size * numbers
        if cursor.at > cursor.place.view.size:
            yield "a storage reaches over the end"
            return
    if cursor.pickle().error:
        yield "no list of views"


def _tensors(cursor: _Cursor) -> Iterator[str]:
    count = _count(cursor)
    if count is None:
        yield "no count"
        return
    for _ in range(count):
        if cursor.pickle().error:
            yield "an entry is no pickle"
            return
        dimensions = cursor.number(_NUMBER // 2)
        if dimensions is None or not 0 <= dimensions <= _MOST_DIMENSIONS:
            yield "a tensor has no known number of dimensions"
            return
        cursor.at += _NUMBER // 2 + 2 * dimensions * _NUMBER + _NUMBER
        if cursor.at > cursor.place.view.size:
            yield "a tensor reaches over the end"
            return
