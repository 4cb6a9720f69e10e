"""Items that lie scattered over a storage, collected in C order within bounded memory and time."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from math import prod
from operator import itemgetter
from typing import Final, Literal

from weightmark.errors import LimitError, UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import MEBIBYTE
from weightmark.values import dataclass

__all__ = ["ITEM_LETTERS", "Dimension", "gathered", "normal_dimensions"]

ITEM_LETTERS: Final[dict[int, Literal["B", "H", "I", "Q"]]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""codes of `array` and `memoryview` by the bytes of an item"""
_LARGEST_SPAN = 256 * MEBIBYTE
_SMALLEST_SPAN = 64 * 1024
_SPARSEST = 16
_MOST_READ = 8
_ALWAYS_READ = 64 * MEBIBYTE
_BLOCK = 4 * MEBIBYTE
_LONG = 16
_GROUP = 16 * 1024


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of a view."""

    size: int
    """indices, at least 2"""
    stride: int
    """items from one index to the next; 0 for an item that is repeated"""


Dimensions = Sequence[Dimension]


def normal_dimensions(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[Dimension]:
    """Return the same items in the same order by as few dimensions as possible, the slowest first."""
    found: list[Dimension] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if found and found[-1].stride == size * stride:
            found[-1] = Dimension(found[-1].size * size, stride)
        else:
            found.append(Dimension(size, stride))
    return found


def gathered(
    storage: ByteView, offset: int, dimensions: Dimensions, item_size: int, shown: str
) -> Iterator[bytes]:
    """Yield the items from `offset` on, counted in items, in C order.

    Raises `UncheckedError` where the storage ends early, and `LimitError` where too much would have
    to be read for what is wanted.
    """

    def is_worth_one_read(part: Dimensions) -> bool:
        wanted = _SPARSEST * _count(part) * item_size
        return _span(part) * item_size <= max(_SMALLEST_SPAN, min(_LARGEST_SPAN, wanted))

    left = _MOST_READ * storage.size + _ALWAYS_READ
    for at, part in _parts(list(dimensions), offset, is_worth_one_read):
        size = _span(part) * item_size
        left -= size
        if left < 0:
            raise LimitError(f"{shown}: its items are scattered too far over the storage")
        stored = storage.read_at(at * item_size, size)
        if len(stored) != size:
            raise UncheckedError(f"{shown}: the stored bytes end early")
        items = memoryview(stored).cast(ITEM_LETTERS[item_size])
        for start, block in _parts(part, 0, lambda one: _count(one) * item_size <= _BLOCK):
            yield _collected(items[start : start + _span(block)], block, item_size)


def _count(dimensions: Dimensions) -> int:
    return prod(one.size for one in dimensions)


def _span(dimensions: Dimensions) -> int:
    """Return how many items lie between the first and the last, both included."""
    return sum((one.size - 1) * one.stride for one in dimensions) + 1


def _parts(
    dimensions: Dimensions, offset: int, fits: Callable[[Dimensions], bool]
) -> Iterator[tuple[int, Dimensions]]:
    """Cut a view into parts that fit, in C order; a single item always fits."""
    if not dimensions or fits(dimensions):
        yield offset, dimensions
        return
    first, *inner = dimensions
    size = first.size
    while size > 1 and not fits([Dimension(size, first.stride), *inner]):
        size = -(-size // 2)
    for start in range(0, first.size, size):
        rest = min(size, first.size - start)
        at = offset + start * first.stride
        if rest > 1:
            yield at, [Dimension(rest, first.stride), *inner]
        else:
            yield from _parts(inner, at, fits)


def _collected(items: "memoryview[int]", dimensions: Dimensions, item_size: int) -> bytes:
    """Return the items of a view that begins with the first of `items`."""
    if max((one.size for one in dimensions), default=1) >= _LONG:
        return _by_slices(items, dimensions, item_size)
    return _by_groups(items, dimensions, item_size)


def _by_slices(items: "memoryview[int]", dimensions: Dimensions, item_size: int) -> bytes:
    """Copy along the longest dimension at once."""
    counts = [one.size for one in dimensions]
    steps = list(accumulate([1, *counts[:0:-1]], int.__mul__))[::-1]
    longest = counts.index(max(counts))
    size, stride, step = counts[longest], dimensions[longest].stride, steps[longest]
    others = [number for number in range(len(counts)) if number != longest]
    sources = _places([dimensions[number] for number in others])
    targets = _places([Dimension(counts[number], steps[number]) for number in others])
    made = bytearray(_count(dimensions) * item_size)
    letter = ITEM_LETTERS[item_size]
    with memoryview(made) as raw, raw.cast(letter) as target:
        for source, at in zip(sources, targets, strict=True):
            if stride:
                taken = items[source : source + (size - 1) * stride + 1 : stride]
            else:
                taken = memoryview(array(letter, [items[source]]) * size)
            target[at : at + (size - 1) * step + 1 : step] = taken
    return bytes(made)


def _by_groups(items: "memoryview[int]", dimensions: Dimensions, item_size: int) -> bytes:
    """Take many items of several short dimensions at once."""
    inner = len(dimensions)
    while inner and _count(dimensions[inner - 1 :]) <= _GROUP:
        inner -= 1
    group = _places(dimensions[inner:])
    letter = ITEM_LETTERS[item_size]
    if len(group) == 1:
        return array(letter, [items[at] for at in _places(dimensions)]).tobytes()
    take, span = itemgetter(*group), _span(dimensions[inner:])
    made = bytearray()
    for at in _places(dimensions[:inner]):
        made += array(letter, take(items[at : at + span])).tobytes()
    return bytes(made)


def _places(dimensions: Dimensions) -> list[int]:
    """Return where each item lies, in C order, counted from the first."""
    places = [0]
    for one in dimensions:
        steps = range(0, one.size * one.stride, one.stride) if one.stride else [0] * one.size
        places = [place + step for place in places for step in steps]
    return places
