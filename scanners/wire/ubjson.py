"""Universal Binary JSON as XGBoost writes it: checked to the end, or read for its whole numbers.

Source: ubjson.org, draft 12; XGBoost `src/common/json.cc` (`UBJReader`).
"""

from array import array
from typing import Any

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import Budget
from weightmark.scanners.repository.documents import JsonObject
from weightmark.scanners.wire.window import Window

__all__ = ["end_of_value", "value_at"]

_DEEPEST = 200
_WIDTHS = {"i": 1, "U": 1, "I": 2, "u": 2, "l": 4, "m": 4, "L": 8, "M": 8, "d": 4, "D": 8, "C": 1}
_EMPTY = frozenset("ZTFN")
_LENGTHS = frozenset("iUIlL")
_ITEMS = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q"}
_LONGEST_TEXT = 64


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


def value_at(window: Window, budget: Budget, at: int, depth: int = 0) -> tuple[Any, int]:
    """Return a value that `end_of_value` has walked, and the offset behind it.

    Only objects, lists, short texts and whole numbers are kept; anything else is None.
    """
    tag = _tag(window, at)
    if tag in _ITEMS:
        end = at + 1 + _WIDTHS[tag]
        data = window.take(at + 1, _WIDTHS[tag])
        return int.from_bytes(data, "big", signed=tag != "U"), end
    if tag == "S":
        size, start = _length(window, at + 1)
        return window.take(start, min(size, _LONGEST_TEXT)).decode("utf-8", "replace"), start + size
    if tag in ("[", "{"):
        return _container_at(window, budget, at + 1, depth + 1, is_map=tag == "{")
    return None, end_of_value(window, budget, at, depth)


def _container_at(
    window: Window, budget: Budget, at: int, depth: int, *, is_map: bool
) -> tuple[Any, int]:
    if _tag(window, at) == "$":
        kind = _tag(window, at + 1)
        end = _container(window, budget, at, depth, is_map=is_map)
        if is_map or kind not in _ITEMS or _tag(window, at + 2) != "#":
            return None, end
        count, start = _length(window, at + 3)
        numbers = array(_ITEMS[kind], window.take(start, count * _WIDTHS[kind]))
        numbers.byteswap()
        return numbers, end
    count = -1
    if _tag(window, at) == "#":
        count, at = _length(window, at + 1)
    pairs: list[tuple[str, Any]] = []
    while count and (count > 0 or _tag(window, at) != ("}" if is_map else "]")):
        budget.spend_fields(1)
        count -= count > 0
        key = ""
        if is_map:
            size, start = _length(window, at)
            key = window.take(start, min(size, _LONGEST_TEXT)).decode("utf-8", "replace")
            at = start + size
        value, at = value_at(window, budget, at, depth)
        pairs.append((key, value))
    end = at + (count < 0)
    return (JsonObject(tuple(pairs)) if is_map else [value for _, value in pairs]), end


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
