"""numpy's dtypes: whether the state that a pickle sets can be believed.

numpy takes flags, offsets and sizes from the pickle without a check: an object dtype without its
flags makes raw bytes into pointers (`numpy/_core/src/multiarray/descriptor.c`, `arraydescr_setstate`).
"""

from weightmark.scanners.pickles.values import ArrayType, Container, Value

__all__ = ["is_honest_dtype_state"]

_SHORT_STATE, _LONG_STATE = 8, 9
_SIZED = frozenset("SUV")
_OBJECT_FLAGS = 63
_INHERITED = 27
"""what a dtype takes over from a part that holds objects (`NPY_FROM_FIELDS`)"""
_NEEDS_INIT = 8
_PAIR = 2


def is_honest_dtype_state(kind: ArrayType, state: Value) -> bool:
    """Tell a state that numpy itself would have written for a dtype of this descriptor.

    Of more fields than are kept, those that are not kept may hold no objects (see `keep`).

    The state is `(version, byte order, (base, shape), names, fields, size, alignment, flags, …)`.
    """
    if not isinstance(state, tuple) or len(state) not in (_SHORT_STATE, _LONG_STATE):
        return False
    part, names, fields, size, flags = state[2], state[3], state[4], state[5], state[7]
    if not isinstance(size, int) or not isinstance(flags, int):
        return False
    low = flags & _OBJECT_FLAGS
    if part is None and names is None and fields is None:
        letter = _letter(kind)
        if letter == "O":
            return low == _OBJECT_FLAGS and size == -1
        return bool(letter) and low in (0, _NEEDS_INIT) and (letter in _SIZED or size == -1)
    return _is_honest_whole(_parts(part, fields), size, low)


def _is_honest_whole(parts: list[tuple[ArrayType, int]], size: int, low: int) -> bool:
    """Objects inside ask for their flags, and every part lies inside the whole."""
    objects = any(_holds_objects(kind) for kind, _ in parts)
    inside = all(at >= 0 and at + max(1, _size(kind)) <= size for kind, at in parts)
    return inside and (low & _INHERITED == _INHERITED) == objects


def _parts(part: Value, fields: Value) -> list[tuple[ArrayType, int]]:
    """Return the parts that were kept, with their offsets."""
    found: list[tuple[ArrayType, int]] = []
    if isinstance(part, tuple) and part and isinstance(part[0], ArrayType):
        found.append((part[0], 0))
    if isinstance(fields, Container):
        found += [
            (one[0], one[1] if isinstance(one[1], int) else -1)
            for one in fields.items[1::2]
            if isinstance(one, tuple) and len(one) >= _PAIR and isinstance(one[0], ArrayType)
        ]
    return found


def _letter(kind: ArrayType) -> str:
    text = kind.descriptor
    return text.lstrip("<>|=")[:1] if isinstance(text, str) else ""


def _holds_objects(kind: ArrayType) -> bool:
    if _letter(kind) == "O":
        return True
    state = kind.state
    flags = state[7] if isinstance(state, tuple) and len(state) >= _SHORT_STATE else 0
    return isinstance(flags, int) and flags & _INHERITED == _INHERITED


def _size(kind: ArrayType) -> int:
    """Return the bytes of one item, as the descriptor or the state says; 0 when neither does."""
    state = kind.state
    if (
        isinstance(state, tuple)
        and len(state) >= _SHORT_STATE
        and isinstance(state[5], int)
        and state[5] > 0
    ):
        return state[5]
    text = kind.descriptor
    digits = text.lstrip("<>|=")[1:] if isinstance(text, str) else ""
    return int(digits) if digits.isdigit() and len(digits) < 10 else 0  # noqa: PLR2004 - more digits are no size
