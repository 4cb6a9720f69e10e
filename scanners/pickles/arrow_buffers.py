"""What Arrow's buffers hold that points elsewhere: offsets, views and numbers of a dictionary.

Source: Arrow's format, "Physical Memory Layout". All numbers are little-endian; an item that the
validity bitmap calls null is never read.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from struct import iter_unpack

from weightmark.provenance.reading.interface import ByteView

__all__ = ["fit_views", "indexes", "lies_within", "rises"]

_CHUNK = 1 << 16
_CODES = {
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "int8": "b",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "uint8": "B",
}
_VIEW = 16
_INLINE = 12
"""bytes of a text that stands in its view itself"""


def rises(offsets: ByteView, code: str, items: int, end: int) -> bool:
    """Tell `items + 1` offsets of which none is less than the one before, within `end`."""
    if items == 0:
        return True
    last = 0
    for _, numbers in _chunks(offsets, code, items + 1):
        if not numbers or numbers[0] < last or any(a > b for a, b in pairwise(numbers)):
            return False
        last = numbers[-1]
    return last <= end


def indexes(valid: ByteView, numbers: ByteView, kind: str, count: int, size: int) -> bool:
    """Tell `count` numbers below `size`; `kind` is the name of their type."""
    if kind not in _CODES:
        return False
    for start, chunk in _chunks(numbers, _CODES[kind], count):
        if not chunk:
            return False
        if min(chunk) >= 0 and max(chunk) < size:
            continue
        bad = (start + at for at, number in enumerate(chunk) if not 0 <= number < size)
        if any(_is_valid(valid, at) for at in bad):
            return False
    return True


def lies_within(buffers: Sequence[ByteView], code: str, count: int, end: int) -> bool:
    """Tell `count` pairs of a start and a size that stay within `end`: validity, starts, sizes."""
    valid, starts, sizes = buffers
    pairs = zip(_chunks(starts, code, count), _chunks(sizes, code, count), strict=True)
    for (at, first), (_, lengths) in pairs:
        if not first or not lengths:
            return False
        for place, (start, size) in enumerate(zip(first, lengths, strict=True), at):
            if (start < 0 or size < 0 or start + size > end) and _is_valid(valid, place):
                return False
    return True


def fit_views(buffers: Sequence[ByteView], count: int) -> bool:
    """Tell `count` views that hold a short text themselves, or name bytes of a later buffer.

    The buffers are validity, views, and those that hold the longer texts.
    """
    valid, views, *texts = buffers
    if views.size < count * _VIEW:
        return False
    for start in range(0, count * _VIEW, _CHUNK):
        data = views.read_at(start, min(_CHUNK, count * _VIEW - start))
        rows = enumerate(iter_unpack("<iiii", data), start // _VIEW)
        for place, (length, _, buffer, offset) in rows:
            if 0 <= length <= _INLINE or not _is_valid(valid, place):
                continue
            if length < 0 or not 0 <= buffer < len(texts):
                return False
            if offset < 0 or offset + length > texts[buffer].size:
                return False
    return True


def _chunks(numbers: ByteView, code: str, count: int) -> "Iterator[tuple[int, array[int]]]":
    """Yield the place of a chunk and its numbers; an empty one where there are not `count`."""
    width = array(code).itemsize
    if numbers.size < count * width:
        yield 0, array(code)
        return
    for start in range(0, count * width, _CHUNK):
        chunk = array(code, numbers.read_at(start, min(_CHUNK, count * width - start)))
        if sys.byteorder == "big":
            chunk.byteswap()
        yield start // width, chunk


def _is_valid(valid: ByteView, place: int) -> bool:
    """Tell an item that is not null; without a bitmap none is."""
    if not valid.size:
        return True
    return bool(valid.read_at(place // 8, 1)[0] >> place % 8 & 1)
