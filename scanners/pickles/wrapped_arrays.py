"""The arrays of joblib: their bytes, or a pickle of their own, stand inside the opcode stream.

After the state of a `NumpyArrayWrapper` was set, `joblib.load` reads the array from the file where
the opcodes would go on (`joblib.numpy_pickle.NumpyArrayWrapper.read_array`).
"""

import math

from weightmark.scanners.pickles.array_types import OBJECTS, SIZED, Description
from weightmark.scanners.pickles.broken import BreakError
from weightmark.scanners.pickles.values import ArrayType, Container, Value
from weightmark.values import dataclass

__all__ = ["WRAPPER", "Layout", "LieError", "layout"]

WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
"""module and name of the class"""
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
    if _holds_objects(kind, {}):
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


def _holds_objects(kind: ArrayType, known: dict[ArrayType, bool], depth: int = 0) -> bool:
    """Tell, as numpy does, by the flags of the type; they must agree with what it is made of.

    `known` keeps the answers, since types can share their parts.
    """
    if kind in known:
        return known[kind]
    if depth > _DEEPEST:
        raise BreakError("an array's type is nested too deep")
    said = Description.of(kind)
    if not said.letter:
        raise BreakError("an array's type is not understood")
    if said.flags is not None and not isinstance(said.flags, int):
        raise BreakError("the flags of an array's type are no number")
    inside = {_holds_objects(part.kind, known, depth + 1) for part in said.parts}
    if said.letter == "V":
        if True in inside and not said.flagged:
            raise LieError("an array's type hides objects in its fields")
    elif said.flagged != (said.letter in OBJECTS):
        raise LieError(f"an array of type `{kind.descriptor}` lies about holding objects")
    known[kind] = said.flagged
    return said.flagged


def _item_size(kind: ArrayType) -> int:
    said = Description.of(kind)
    if not said.item_size and said.letter not in SIZED:
        raise BreakError("the size of an array's type is not known")
    return said.item_size
