"""How far two tensors of one type and shape differ: which elements, and by how much at most."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from operator import ne
from struct import unpack
from typing import Any, Final, Literal

from weightmark.provenance.tensors import ITEM_SIZES
from weightmark.values import dataclass

__all__ = ["ElementChanges", "measure"]

_CHUNK = 1024 * 1024
_MOST_WITHOUT_NUMPY = 8 * 1024 * 1024
_INTEGERS: Final[dict[int, Literal["B", "H", "I", "Q"]]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
_FORMS = {
    "BOOL": "B",
    "U8": "B",
    "I8": "b",
    "I16": "h",
    "U16": "H",
    "I32": "i",
    "U32": "I",
    "I64": "q",
    "U64": "Q",
    "F16": "e",
    "F32": "f",
    "F64": "d",
}


@dataclass(frozen=True, slots=True)
class ElementChanges:
    """How far two tensors differ."""

    elements: int
    """of each tensor"""
    changed: int
    """elements whose bits differ"""
    max_abs: str | None
    """the largest absolute difference in decimal, `nan` where a number is none; None for a type without numbers"""


def measure(
    dtype: str, before: Iterable[bytes], after: Iterable[bytes], numpy: Any = None
) -> ElementChanges | None:
    """Compare the bytes of two tensors of a type; `numpy` is that module, where it is installed.

    None for a type whose items are not known, for tensors of two sizes, and without NumPy for more
    than 8 MiB that differ.
    """
    if dtype not in ITEM_SIZES:
        return None
    size = ITEM_SIZES[dtype]
    difference = _numpy_difference(numpy) if numpy else _difference
    elements = changed = differing = 0
    largest: float | None = 0.0 if dtype in _FORMS or dtype == "BF16" else None
    for first, second in zip_longest(_chunks(before), _chunks(after), fillvalue=b""):
        if len(first) != len(second):
            return None
        elements += len(first) // size
        if first == second:
            continue
        differing += len(first)
        if numpy is None and differing > _MOST_WITHOUT_NUMPY:
            return None
        count, far = difference(dtype, first, second)
        changed += count
        if largest is not None:
            largest = math.nan if math.isnan(far) or math.isnan(largest) else max(largest, far)
    return ElementChanges(elements, changed, None if largest is None else f"{largest:.6g}")


def _chunks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut blocks of any sizes into chunks of one size."""
    kept = bytearray()
    for block in blocks:
        kept += block
        while len(kept) >= _CHUNK:
            yield bytes(kept[:_CHUNK])
            del kept[:_CHUNK]
    if kept:
        yield bytes(kept)


def _difference(dtype: str, first: bytes, second: bytes) -> tuple[int, float]:
    letter = _INTEGERS[ITEM_SIZES[dtype]]
    count = sum(map(ne, memoryview(first).cast(letter), memoryview(second).cast(letter)))
    if dtype not in _FORMS and dtype != "BF16":
        return count, 0.0
    pairs = zip(_numbers(dtype, first), _numbers(dtype, second), strict=True)
    distances = [_distance(one, other) for one, other in pairs if one is not other]
    return count, math.nan if any(map(math.isnan, distances)) else max(distances, default=0.0)


def _distance(one: float, other: float) -> float:
    """Return how far two numbers are apart; equal infinities are not, and what is no number is nan."""
    if one == other or (one != one and other != other):  # noqa: PLR0124 - only nan is not itself
        return 0.0
    return float(abs(one - other))


def _numbers(dtype: str, data: bytes) -> tuple[float, ...]:
    if dtype == "BF16":
        wide = bytearray(2 * len(data))
        wide[2::4], wide[3::4] = data[0::2], data[1::2]
        dtype, data = "F32", bytes(wide)
    return unpack(f"<{len(data) // ITEM_SIZES[dtype]}{_FORMS[dtype]}", data)


def _numpy_difference(numpy: Any) -> Callable[[str, bytes, bytes], tuple[int, float]]:
    def difference(dtype: str, first: bytes, second: bytes) -> tuple[int, float]:
        form = f"<u{ITEM_SIZES[dtype]}"
        bits = [numpy.frombuffer(data, form) for data in (first, second)]
        count = int((bits[0] != bits[1]).sum())
        if dtype == "BF16":
            values = [(one.astype("<u4") << 16).view("<f4").astype("f8") for one in bits]
        elif dtype in _FORMS:
            values = [one.view(f"<{_FORMS[dtype]}").astype("f8") for one in bits]
        else:
            return count, 0.0
        with numpy.errstate(invalid="ignore"):
            apart = numpy.abs(values[0] - values[1])
        same = (values[0] == values[1]) | (numpy.isnan(values[0]) & numpy.isnan(values[1]))
        return count, float(numpy.where(same, 0.0, apart).max(initial=0.0))

    return difference
