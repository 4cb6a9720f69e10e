"""MessagePack as a stream of values with their places, nothing built.

Source: msgpack `spec.md` (2.0).
"""

from collections.abc import Iterator

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import Budget
from weightmark.scanners.wire.window import Window
from weightmark.values import dataclass

__all__ = ["Value", "values"]

_DEEPEST = 100
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_FIXED |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_SIZED = {0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4)}
_SIZED |= {0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4)}
_EXTENDED = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENDED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_COUNTED = {0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)}


@dataclass(frozen=True, slots=True)
class Value:
    """One value; those in a list or map follow it."""

    kind: str
    """`bin`, `ext`, `list`, `map`, `plain` or `text`"""
    start: int
    """where its content begins"""
    size: int
    """bytes of content; for a list or map, how many values follow in it"""
    code: int = 0
    """the type of an extension"""


def values(window: Window, budget: Budget, start: int, end: int) -> Iterator[Value]:
    """Yield the values of one document, each before those inside of it; stops behind it.

    Raises `MalformedError` where a decoder would stop, `LimitError` for deep nesting.
    """
    open_counts = [1]
    at = start
    while open_counts:
        if not open_counts[-1]:
            open_counts.pop()
            continue
        open_counts[-1] -= 1
        budget.spend_fields(1)
        value = _value(window, at, end)
        yield value
        at = value.start
        if value.kind in ("list", "map"):
            if len(open_counts) > _DEEPEST:
                raise LimitError(f"MessagePack is nested deeper than {_DEEPEST} levels")
            open_counts.append(value.size)
        else:
            at += value.size
        if at > end:
            raise MalformedError("a MessagePack value reaches over the end")
    yield Value("end", at, 0)


def _value(window: Window, at: int, end: int) -> Value:
    if at >= end:
        raise MalformedError("the MessagePack document is cut off")
    tag = window.number(at, 1)
    if tag < 0xC0 or tag >= 0xE0:  # noqa: PLR2004 - the value or its length stands in the tag
        return _short(tag, at + 1)
    return _long(window, tag, at + 1)


def _short(tag: int, at: int) -> Value:
    if 0x80 <= tag < 0x90:  # noqa: PLR2004 - short maps
        return Value("map", at, 2 * (tag & 0x0F))
    if 0x90 <= tag < 0xA0:  # noqa: PLR2004 - short lists
        return Value("list", at, tag & 0x0F)
    if 0xA0 <= tag < 0xC0:  # noqa: PLR2004 - short texts
        return Value("text", at, tag & 0x1F)
    return Value("plain", at, 0)


def _long(window: Window, tag: int, at: int) -> Value:
    if tag in _FIXED:
        return Value("plain", at, _FIXED[tag])
    if tag in _SIZED:
        kind, width = _SIZED[tag]
        return Value(kind, at + width, _big(window, at, width))
    if tag in _COUNTED:
        kind, width = _COUNTED[tag]
        return Value(kind, at + width, _big(window, at, width) * (2 if kind == "map" else 1))
    if tag in _EXTENDED:
        width = _EXTENDED[tag]
        return Value("ext", at + width + 1, _big(window, at, width), window.number(at + width, 1))
    if tag in _FIXED_EXTENDED:
        return Value("ext", at + 1, _FIXED_EXTENDED[tag], window.number(at, 1))
    raise MalformedError(f"no MessagePack type {tag:#x} exists (byte {at - 1})")


def _big(window: Window, at: int, width: int) -> int:
    return int.from_bytes(window.take(at, width), "big")
