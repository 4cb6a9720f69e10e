"""Arrow's columns: whether the buffers that a pickle holds are as long as the column needs.

`pyarrow.lib._restore_array` takes lengths and offsets from the pickle without a check, so that a
forged column reads memory that is not its own (`pyarrow/array.pxi`; Arrow's format, "Physical Memory
Layout"). Only types of one or two plain buffers are understood; the others are refused.
"""

import sys
from array import array
from collections.abc import Callable
from itertools import pairwise

from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.pickles.values import ArrowType, Call, PlainList, Value

__all__ = ["is_sound"]

_UNITS = ("s", "ms", "us", "ns")
_BITS = {
    "bool": 1,
    "date32[day]": 32,
    "date64[ms]": 64,
    "double": 64,
    "float": 32,
    "halffloat": 16,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "int8": 8,
    "time32[ms]": 32,
    "time32[s]": 32,
    "time64[ns]": 64,
    "time64[us]": 64,
    "uint16": 16,
    "uint32": 32,
    "uint64": 64,
    "uint8": 8,
    **{f"{kind}[{unit}]": 64 for kind in ("duration", "timestamp") for unit in _UNITS},
}
"""bits of an item in columns of one buffer"""
_OFFSETS = {"binary": "i", "large_binary": "q", "large_string": "q", "string": "i"}
"""type of the offsets in columns of texts and bytes"""
_PARTS = 7
_LARGEST = 1 << 48
_CHUNK = 1 << 16
View = Callable[[Value], ByteView | None]
_NOTHING = MemoryView(b"")
"""what a column leaves out"""


def is_sound(arguments: tuple[Value, ...], view: View) -> bool:
    """Tell the arguments of a column that stays inside its buffers; `view` opens bytes of the pickle.

    They are one tuple `(type, length, nulls, first, buffers, columns inside, dictionary)`.
    """
    parts = arguments[0] if len(arguments) == 1 else None
    if not isinstance(parts, tuple) or len(parts) != _PARTS:
        return False
    kind, length, nulls, first, buffers, inside, dictionary = parts
    if not isinstance(kind, ArrowType) or type(nulls) is not int or dictionary is not None:
        return False
    if type(length) is not int or type(first) is not int or _items(inside) != ():
        return False
    held = _items(buffers)
    if held is None or length < 0 or first < 0 or first + length > _LARGEST:
        return False
    opened = [found for item in held if (found := _open(item, view)) is not None]
    return len(opened) == len(held) and _fits(kind.name, first + length, opened)


def _items(value: Value) -> tuple[Value, ...] | None:
    """Return what a list holds, or None if it is no list or longer than is remembered."""
    if not isinstance(value, PlainList) or value.more:
        return None
    return tuple(value.items)


def _open(buffer: Value, view: View) -> ByteView | None:
    """Return the bytes of a buffer: `py_buffer(bytes)` or `py_buffer(bytearray(bytes))`."""
    if buffer is None:
        return _NOTHING
    if not isinstance(buffer, Call) or buffer.of is None or buffer.of.name != "py_buffer":
        return None
    inner = buffer.encoded
    if isinstance(inner, Call) and inner.of is not None and inner.of.name == "bytearray":
        inner = inner.encoded
        if inner is None:
            return _NOTHING
    return view(inner)


def _fits(kind: str, count: int, buffers: list[ByteView]) -> bool:
    """Tell buffers that hold `count` items: which of them are there, then items or offsets and bytes."""
    if not buffers or (buffers[0].size and 8 * buffers[0].size < count):
        return False
    if kind == "null":
        return len(buffers) == len(("valid",))
    if kind in _BITS:
        return (
            len(buffers) == len(("valid", "items")) and 8 * buffers[1].size >= count * _BITS[kind]
        )
    if kind not in _OFFSETS or len(buffers) != len(("valid", "offsets", "bytes")):
        return False
    return count == 0 or _rises(buffers[1], _OFFSETS[kind], count + 1, buffers[2].size)


def _rises(offsets: ByteView, code: str, count: int, end: int) -> bool:
    """Tell `count` offsets of which none is less than the one before, within `end` bytes."""
    width = array(code).itemsize
    if offsets.size < count * width:
        return False
    last = 0
    for start in range(0, count * width, _CHUNK):
        numbers = array(code, offsets.read_at(start, min(_CHUNK, count * width - start)))
        if sys.byteorder == "big":
            numbers.byteswap()
        if numbers[0] < last or any(a > b for a, b in pairwise(numbers)):
            return False
        last = numbers[-1]
    return last <= end
