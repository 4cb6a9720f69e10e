"""Universal Binary JSON as XGBoost writes it: checked to the end, nothing built.

Source: ubjson.org, draft 12; XGBoost `src/common/json.cc` (`UBJReader`).
"""

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import Budget
from weightmark.scanners.wire.window import Window

__all__ = ["end_of_value"]

_DEEPEST = 200
_WIDTHS = {"i": 1, "U": 1, "I": 2, "u": 2, "l": 4, "m": 4, "L": 8, "M": 8, "d": 4, "D": 8, "C": 1}
_EMPTY = frozenset("ZTFN")
_LENGTHS = frozenset("iUIlL")


def end_of_value(window: Window, budget: Budget, at: int, depth: int = 0) -> int:
    """Return the offset behind the value at `at`.

    Raises `MalformedError` for bytes that are no value and `LimitError` for deep nesting.
    """
    tag = _tag(window, at)
    return _payload(window, budget, tag, at + 1, depth)


def _payload(window: Window, budget: Budget, tag: str, at: int, depth: int) -> int:
    budget.spend_fields(1)
    if tag in _WIDTHS:
        return _inside(window, at + _WIDTHS[tag])
    if tag in _EMPTY:
        return at
    if tag in ("S", "H"):
        size, at = _length(window, at)
        return _inside(window, at + size)
    if tag in ("[", "{"):
        if depth >= _DEEPEST:
            raise LimitError(f"UBJSON is nested deeper than {_DEEPEST} levels")
        return _container(window, budget, at, depth + 1, is_map=tag == "{")
    raise MalformedError(f"no UBJSON type `{tag}` exists (byte {at - 1})")


def _container(window: Window, budget: Budget, at: int, depth: int, *, is_map: bool) -> int:
    kind = ""
    if _tag(window, at) == "$":
        kind, at = _tag(window, at + 1), at + 2
    count = -1
    if _tag(window, at) == "#":
        count, at = _length(window, at + 1)
        if kind in _WIDTHS and not is_map:
            return _inside(window, at + count * _WIDTHS[kind])
    end = "}" if is_map else "]"
    while count != 0:
        if count < 0 and _tag(window, at) == end:
            return at + 1
        count -= 1 if count > 0 else 0
        if is_map:
            size, at = _length(window, at)
            at = _inside(window, at + size)
        if kind:
            at = _payload(window, budget, kind, at, depth)
        else:
            at = end_of_value(window, budget, at, depth)
    return at


def _length(window: Window, at: int) -> tuple[int, int]:
    tag = _tag(window, at)
    if tag not in _LENGTHS:
        raise MalformedError(f"no UBJSON length stands at byte {at}")
    width = _WIDTHS[tag]
    data = window.take(at + 1, width)
    size = int.from_bytes(data, "big", signed=tag != "U")
    if size < 0:
        raise MalformedError(f"a UBJSON length at byte {at} is negative")
    return size, at + 1 + width


def _inside(window: Window, at: int) -> int:
    if at > window.size:
        raise MalformedError("a UBJSON value reaches over the end of the file")
    return at


def _tag(window: Window, at: int) -> str:
    return window.take(at, 1).decode("latin-1")
