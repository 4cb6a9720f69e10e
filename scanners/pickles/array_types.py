"""numpy's dtypes: one reading of what a pickle says about them, and whether it can be believed.

numpy takes flags, offsets and sizes from the pickle without a check: an object dtype without its
flags makes raw bytes into pointers (`numpy/_core/src/multiarray/descriptor.c`, `arraydescr_setstate`).
"""

import re

from weightmark.scanners.pickles.values import ArrayType, Container, Global, Value
from weightmark.values import dataclass

__all__ = ["OBJECTS", "SIZED", "Description", "is_honest_dtype_state"]

SIZED = frozenset("SUV")
"""letters of the kinds whose size is their own"""
_DESCRIPTOR = re.compile(r"[|<>=]?([biufcSUVOMmT])(\d{0,9})")
OBJECTS = frozenset("OT")
"""letters of the kinds whose items are references: objects, and texts of any length"""
_SHORT_STATE, _LONG_STATE = 8, 9
_OBJECT_FLAGS = 63
_INHERITED = 27
"""what a dtype takes over from a part that holds objects (`NPY_FROM_FIELDS`)"""
_HAS_OBJECTS = 1
_NEEDS_INIT = 8
_UNICODE_BYTES = 4
_NO_PART = (ArrayType(None), -1)


@dataclass(frozen=True, slots=True)
class Description:
    """What a pickle says about a dtype, by its descriptor and by the state that was set.

    The state is `(version, byte order, (base, shape), names, fields, size, alignment, flags, …)`.
    """

    letter: str
    """kind of its items: `O` objects, `V` a record, `S`, `U` and `T` texts; empty if not understood"""
    width: int
    """bytes of an item by the descriptor, 0 where it says none"""
    size: Value = None
    """bytes of an item by the state"""
    flags: Value = None
    """flags by the state"""
    whole: bool = False
    """whether the state says that it has parts"""
    parts: tuple[tuple[ArrayType, int], ...] = ()
    """dtypes of fields and elements, with their offsets; -1 where that is no number or no dtype"""

    @classmethod
    def of(cls, kind: ArrayType, state: Value = None) -> "Description":
        """Read a dtype with the state that it has, or with one that is about to be set."""
        letter, width = _read_descriptor(kind.descriptor)
        state = kind.state if state is None else state
        if not isinstance(state, tuple) or len(state) not in (_SHORT_STATE, _LONG_STATE):
            return cls(letter, width)
        part, names, fields, size, flags = state[2], state[3], state[4], state[5], state[7]
        whole = part is not None or names is not None or fields is not None
        return cls(letter, width, size, flags, whole, _read_parts(part, fields))

    @property
    def item_size(self) -> int:
        """Bytes of an item: the state counts where a kind has no size of its own; 0 if unknown."""
        if isinstance(self.size, int) and self.size >= 0 and self.letter in SIZED:
            return self.size
        return self.width

    @property
    def flagged(self) -> bool:
        """Whether the flags say that it holds objects; by its letter if it has none."""
        if self.flags is None:
            return self.letter in OBJECTS
        return isinstance(self.flags, int) and bool(self.flags & _HAS_OBJECTS)


def is_honest_dtype_state(kind: ArrayType, state: Value) -> bool:
    """Tell a state that numpy itself would have written for a dtype of this descriptor."""
    if not isinstance(state, tuple) or len(state) not in (_SHORT_STATE, _LONG_STATE):
        return False
    said = Description.of(kind, state)
    if not isinstance(said.size, int) or not isinstance(said.flags, int):
        return False
    low = said.flags & _OBJECT_FLAGS
    if said.whole:
        return said.letter == "V" and _is_honest_whole(said.parts, said.size, low)
    if not isinstance(kind.descriptor, str) or not said.letter:
        return False
    if said.letter in OBJECTS:
        return said.letter == "O" and low == _OBJECT_FLAGS and said.size == -1
    return low in (0, _NEEDS_INIT) and (said.letter in SIZED or said.size == -1)


def _is_honest_whole(parts: tuple[tuple[ArrayType, int], ...], size: int, low: int) -> bool:
    """Objects inside ask for their flags, and every part lies inside the whole."""
    described = [(Description.of(kind), at) for kind, at in parts]
    objects = any(_has_objects(said) for said, _ in described)
    inside = all(at >= 0 and at + max(1, said.item_size) <= size for said, at in described)
    return inside and (low & _INHERITED == _INHERITED) == objects


def _has_objects(said: Description) -> bool:
    flagged = isinstance(said.flags, int) and said.flags & _INHERITED == _INHERITED
    return said.letter in OBJECTS or flagged


def _read_descriptor(descriptor: Value) -> tuple[str, int]:
    """Return letter and bytes; a class instead of a text is that of a record."""
    if isinstance(descriptor, Global):
        record = descriptor.name == "record" and descriptor.module.partition(".")[0] == "numpy"
        return ("V" if record else ""), 0
    found = _DESCRIPTOR.fullmatch(descriptor) if isinstance(descriptor, str) else None
    if found is None:
        return "", 0
    width = int(found[2] or 0)
    return found[1], width * _UNICODE_BYTES if found[1] == "U" else width


def _read_parts(part: Value, fields: Value) -> tuple[tuple[ArrayType, int], ...]:
    """Return all parts; what numpy takes for a dtype though it is none makes a part of no kind."""
    found: list[tuple[ArrayType, int]] = []
    if part is not None:
        base = part[0] if isinstance(part, tuple) and part else None
        found.append((base, 0) if isinstance(base, ArrayType) else _NO_PART)
    if isinstance(fields, Container) and fields.kind == "dict":
        found += map(_read_row, (*fields.items[1::2], *fields.fields))
        found += [_NO_PART] if fields.dropped else []
    elif fields is not None:
        found.append(_NO_PART)
    return tuple(found)


def _read_row(row: Value) -> tuple[ArrayType, int]:
    if not isinstance(row, tuple) or not row or not isinstance(row[0], ArrayType):
        return _NO_PART
    return row[0], row[1] if len(row) > 1 and isinstance(row[1], int) else -1
