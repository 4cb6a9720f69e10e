"""The arrays of joblib: their bytes, or a pickle of their own, stand inside the opcode stream.

After the state of a `NumpyArrayWrapper` was set, `joblib.load` reads the array from the file where
the opcodes would go on (`joblib.numpy_pickle.NumpyArrayWrapper.read_array`).
"""

import math
import re
from dataclasses import dataclass

from weightmark.scanners.pickles.broken import BreakError
from weightmark.scanners.pickles.values import ArrayType, Container, Global, Value

__all__ = ["WRAPPER", "Layout", "LieError", "layout"]

WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
"""module and name of the class"""
_DESCRIPTOR = re.compile(r"[|<>=]?([biufcSUVOMm])(\d{0,9})")
_EXTENDED = frozenset("SUV")
_SIZE, _FLAGS = 5, 7
_HAS_OBJECTS = 1
_UNICODE_BYTES = 4
_LARGEST = 1 << 62
_DEEPEST = 16


class LieError(BreakError):
    """The wrapper says something about the array that cannot be."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What follows the wrapper in the file."""

    objects: bool
    """whether it is a pickle; else raw bytes"""
    size: int
    """bytes of the raw array"""
    padded: bool
    """whether a byte with the number of padding bytes, and these, come first"""


def layout(state: Value) -> Layout:
    """Return what follows a wrapper with this state.

    Raises `LieError` for a type that contradicts itself, `BreakError` for one that is not
    understood.
    """
    fields = _fields(state)
    kind = fields.get("dtype")
    if not isinstance(kind, ArrayType):
        raise BreakError("the type of a joblib array is no dtype")
    if _holds_objects(kind):
        return Layout(objects=True, size=0, padded=False)
    count = _count(fields.get("shape"))
    padded = fields.get("numpy_array_alignment_bytes") is not None
    return Layout(objects=False, size=count * _item_size(kind), padded=padded)


def _fields(state: Value) -> dict[str, Value]:
    if not isinstance(state, Container) or state.kind != "dict" or state.more:
        raise BreakError("the state of a joblib array is no short dict")
    pairs = zip(state.items[::2], state.items[1::2], strict=False)
    return {key: value for key, value in pairs if isinstance(key, str)}


def _count(shape: Value) -> int:
    if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise BreakError("the shape of a joblib array is no tuple of whole numbers")
    sizes = [size for size in shape if isinstance(size, int)]
    if any(size < 0 for size in sizes) or math.prod(sizes) > _LARGEST:
        raise LieError(f"a joblib array has the shape {shape}"[:200])
    return math.prod(sizes)


def _holds_objects(kind: ArrayType, depth: int = 0) -> bool:
    """Tell, as numpy does, by the flags of the type; they must agree with what it is made of."""
    if depth > _DEEPEST:
        raise BreakError("an array's type is nested too deep")
    made_of_objects = _letter(kind) == "O"
    flags = _part(kind, _FLAGS)
    if flags is None:
        return made_of_objects
    if not isinstance(flags, int):
        raise BreakError("the flags of an array's type are no number")
    flagged = bool(flags & _HAS_OBJECTS)
    inside = any(_holds_objects(part, depth + 1) for part in _parts(kind))
    if _letter(kind) == "V":
        if inside and not flagged:
            raise LieError("an array's type hides objects in its fields")
    elif flagged != made_of_objects:
        raise LieError(f"an array of type `{kind.descriptor}` lies about holding objects")
    return flagged


def _parts(kind: ArrayType) -> list[ArrayType]:
    """Return the types of the fields, as far as they are known, and of the elements."""
    found: list[ArrayType] = []
    for index in (2, 4):
        value = _part(kind, index)
        rows = value.items if isinstance(value, Container) else [value]
        firsts = (row[0] for row in rows if isinstance(row, tuple) and row)
        found += [first for first in firsts if isinstance(first, ArrayType)]
    return found


def _item_size(kind: ArrayType) -> int:
    letter = _letter(kind)
    size = _part(kind, _SIZE) if letter in _EXTENDED else None
    if isinstance(size, int) and size >= 0:
        return size
    digits = _DESCRIPTOR.fullmatch(kind.descriptor) if isinstance(kind.descriptor, str) else None
    number = int(digits[2] or 0) if digits else 0
    if not number and letter not in _EXTENDED:
        raise BreakError("the size of an array's type is not known")
    return number * _UNICODE_BYTES if letter == "U" else number


def _letter(kind: ArrayType) -> str:
    descriptor = kind.descriptor
    if isinstance(descriptor, Global):
        return "V"
    found = _DESCRIPTOR.fullmatch(descriptor) if isinstance(descriptor, str) else None
    if found is None:
        raise BreakError("an array's type is not understood")
    return found[1]


def _part(kind: ArrayType, index: int) -> Value:
    state = kind.state
    return state[index] if isinstance(state, tuple) and len(state) > index else None
