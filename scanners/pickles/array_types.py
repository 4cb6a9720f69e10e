"""numpy's dtypes: one reading of what a pickle says about them, and whether it can be believed.

numpy takes flags, offsets and sizes from the pickle without a check: an object dtype without its
flags makes raw bytes into pointers (`numpy/_core/src/multiarray/descriptor.c`, `arraydescr_setstate`).
"""

import math

from weightmark.patterns import lazy_pattern
from weightmark.scanners.pickles.values import (
    KEPT_TUPLE,
    ArrayType,
    Container,
    Global,
    Value,
)
from weightmark.values import dataclass

__all__ = ["OBJECTS", "SIZED", "Description", "Part", "is_honest_dtype_state"]

SIZED = frozenset("SUV")
"""letters of the kinds whose size is their own"""
_DESCRIPTOR = lazy_pattern(r"[|<>=]?([biufcSUVOMmT])(\d{0,9})")
OBJECTS = frozenset({"O", "T"})
"""letters of the kinds whose items are references: objects, and texts of any length"""
_SHORT_STATE, _LONG_STATE = 8, 9
_OBJECT_FLAGS = 63
_INHERITED = 27
"""what a dtype takes over from a part that holds objects (`NPY_FROM_FIELDS`)"""
_HAS_OBJECTS = 1
_NEEDS_INIT = 8
_UNICODE_BYTES = 4
_REFERENCES = {"O": 8, "T": 16}
"""bytes of what stands for an object or a text of any length"""
_ROW = 2
"""dtype and offset of a field; its title may follow"""


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a record, or the elements of a sub-array."""

    kind: ArrayType
    """dtype of one element"""
    at: int
    """offset in the record, -1 where that is no number or the part is no dtype"""
    count: int = 1
    """elements, -1 where the shape is not understood"""

    @property
    def end(self) -> int:
        """The offset after it, -1 where its size is not known."""
        said = Description.of(self.kind)
        size = said.item_size or _REFERENCES.get(said.letter, 0)
        known = bool(said.letter) and (size > 0 or said.letter in SIZED)
        return self.at + size * self.count if known and min(self.at, self.count) >= 0 else -1

    @property
    def holds_objects(self) -> bool:
        """Whether elements are references to objects, or hold some."""
        return _has_objects(Description.of(self.kind))


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
    parts: "tuple[Part, ...]" = ()
    """dtypes of fields and elements"""

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
    if type(said.size) is not int or type(said.flags) is not int:
        return False
    if not _is_honest_size(said, kind.descriptor) or not _is_honest_alignment(said, state[6]):
        return False
    low = said.flags & _OBJECT_FLAGS
    if said.whole:
        honest = said.letter == "V" and _is_honest_whole(said.parts, said.size, low)
        return honest and _names_fields(state[3], state[4])
    named = isinstance(kind.descriptor, str) and said.letter not in ("", "T")
    allowed = (_OBJECT_FLAGS,) if said.letter == "O" else (0, _NEEDS_INIT)
    return named and low in allowed


def _is_honest_size(said: Description, descriptor: Value) -> bool:
    """Kinds with a size of their own say it twice; numpy writes -1 for the others."""
    if said.letter not in SIZED and not said.whole:
        return said.size == -1
    named = isinstance(descriptor, str)
    return isinstance(said.size, int) and said.size >= 0 and (not named or said.size == said.width)


def _is_honest_alignment(said: Description, alignment: Value) -> bool:
    if type(alignment) is not int:
        return False
    return alignment >= 1 if said.letter in SIZED else alignment == -1


def _names_fields(names: Value, fields: Value) -> bool:
    """Tell names that are the keys of the fields; a title is one more key of the same field."""
    if fields is None or not isinstance(fields, Container):
        return fields is None and names in (None, ())
    rows = dict(zip(fields.items[::2], fields.items[1::2], strict=True))
    rows |= dict(zip(fields.fields[::2], fields.fields[1::2], strict=True))
    own = {key: row for key, row in rows.items() if not _is_title(key, row)}
    places = {_place(row) for row in own.values()}
    if not isinstance(names, tuple) or not {_place(row) for row in rows.values()} <= places:
        return False
    named = set(names)
    if len(named) != len(names) or not named <= set(own):
        return False
    return len(names) >= KEPT_TUPLE or named == set(own)


def _is_title(key: Value, row: Value) -> bool:
    return isinstance(row, tuple) and len(row) > _ROW and row[_ROW] == key


def _place(row: Value) -> tuple[int, int]:
    part = _read_row(row)
    return id(part.kind), part.at


def _is_honest_whole(parts: "tuple[Part, ...]", size: int, low: int) -> bool:
    """Every part lies inside the whole, and none overlaps one that holds objects."""
    described = sorted((part.at, part.end, part.holds_objects) for part in set(parts))
    if any(part.end < 0 for part in parts):
        return False
    last = last_objects = 0
    for start, end, objects in described:
        if start < 0 or end > size or start < (last if objects else last_objects):
            return False
        last = max(last, end)
        last_objects = max(last_objects, end) if objects else last_objects
    return (low & _INHERITED == _INHERITED) == any(objects for _, _, objects in described)


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


def _read_parts(part: Value, fields: Value) -> "tuple[Part, ...]":
    """Return all parts; what numpy takes for a dtype though it is none makes a part of no kind."""
    found: list[Part] = []
    if part is not None:
        found.append(_read_elements(part))
    if isinstance(fields, Container) and fields.kind == "dict":
        pairs = zip(
            (*fields.items[::2], *fields.fields[::2]),
            (*fields.items[1::2], *fields.fields[1::2]),
            strict=True,
        )
        found += [_read_row(row) for key, row in pairs if not _is_title(key, row)]
        found += [_NO_PART] if fields.dropped else []
    elif fields is not None:
        found.append(_NO_PART)
    return tuple(found)


def _read_elements(part: Value) -> "Part":
    """Read `(dtype, shape)` of a sub-array."""
    if not isinstance(part, tuple) or len(part) != _ROW or not isinstance(part[0], ArrayType):
        return _NO_PART
    shape = part[1] if isinstance(part[1], tuple) else (part[1],)
    sizes = [side for side in shape if type(side) is int and side >= 0]
    whole = len(sizes) == len(shape) < KEPT_TUPLE
    return Part(part[0], 0, math.prod(sizes) if whole else -1)


def _read_row(row: Value) -> "Part":
    """Read `(dtype, offset)` of a field; a title may follow."""
    if not isinstance(row, tuple) or not row or not isinstance(row[0], ArrayType):
        return _NO_PART
    return Part(row[0], row[1] if len(row) > 1 and type(row[1]) is int else -1)


_NO_PART = Part(ArrayType(None), -1)
