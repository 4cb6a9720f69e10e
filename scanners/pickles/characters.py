"""Which characters a part of a regular expression takes, on a small alphabet that tells all parts apart."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from weightmark.errors import LimitError
from weightmark.values import dataclass

__all__ = ["Alphabet"]

_SAMPLES = "\x00\t\n !/09:@AMZ[_`amz{~\x80é٣中\u3000"
"""characters of every category"""
_MOST = 8_000
_LAST = 0x10FFFF
_DIGIT: Callable[[str], bool] = str.isdecimal
_SPACE: Callable[[str], bool] = str.isspace


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The characters by which the parts of one expression differ."""

    characters: frozenset[str]
    """all of them"""
    flags: int
    """flags of the expression"""

    @classmethod
    def of(cls, items: Iterable[tuple[Any, Any]], flags: int) -> "Alphabet":
        """Collect what the items name, and the neighbours of each. Raises `LimitError` for too many."""
        items = list(items)
        found = set(_SAMPLES)
        for group in _groups(items):
            flags |= group
        for code in _codes(items):
            near = range(max(code - 1, 0), min(code + 1, _LAST) + 1)
            found.update(map(chr, near))
            if len(found) > _MOST:
                raise LimitError(f"a regular expression names more than {_MOST} characters")
        if flags & re.IGNORECASE:
            found |= {
                other for one in found for other in (one.lower(), one.upper()) if len(other) == 1
            }
        return cls(frozenset(found), flags)

    def taken_by(self, name: str, value: Any) -> frozenset[str]:
        """Return the characters that one item takes."""
        if name == "LITERAL" and not self.flags & re.IGNORECASE:
            return frozenset({chr(value)})
        return frozenset(one for one in self.characters if self._takes(name, value, one))

    def _takes(self, name: str, value: Any, one: str) -> bool:
        if not self.flags & re.IGNORECASE:
            return self._matches(name, value, one)
        cases = {one, one.lower(), one.upper()}
        return any(self._matches(name, value, case) for case in cases if len(case) == 1)

    def _matches(self, name: str, value: Any, one: str) -> bool:
        match name:
            case "ANY":
                return one != "\n" or bool(self.flags & re.DOTALL)
            case "LITERAL" | "NOT_LITERAL":
                return bool(ord(one) == value) == (name == "LITERAL")
            case "RANGE":
                return bool(value[0] <= ord(one) <= value[1])
            case "CATEGORY":
                return self._is_of(str(value).removeprefix("CATEGORY_"), one)
            case _:
                return self._is_in(value, one)

    def _is_in(self, items: Sequence[tuple[Any, Any]], one: str) -> bool:
        negated = bool(items) and str(items[0][0]) == "NEGATE"
        inside = any(
            self._matches(str(operation), value, one) for operation, value in items[negated:]
        )
        return inside != negated

    def _is_of(self, category: str, one: str) -> bool:
        kind = category.removeprefix("NOT_")
        if self.flags & re.ASCII and not one.isascii():
            inside = False
        elif kind == "DIGIT":
            inside = _DIGIT(one)
        elif kind == "SPACE":
            inside = _SPACE(one)
        else:
            inside = one.isalnum() or one == "_"
        return inside != category.startswith("NOT_")


def _codes(items: Iterable[tuple[Any, Any]]) -> Iterator[int]:
    """Yield the code points that items name, those inside them as well."""
    for operation, value in items:
        name = str(operation)
        if name in ("LITERAL", "NOT_LITERAL"):
            yield value
        elif name == "RANGE":
            yield from value
        else:
            for part in _inner(name, value):
                yield from _codes(part)


def _groups(items: Iterable[tuple[Any, Any]]) -> Iterator[int]:
    """Yield the flags that hold inside single groups; here they hold for the whole expression."""
    for operation, value in items:
        name = str(operation)
        if name == "SUBPATTERN":
            yield value[1]
        if name != "IN":
            for part in _inner(name, value):
                yield from _groups(part)


def _inner(name: str, value: Any) -> Iterator[Any]:
    """Yield the sequences inside an item."""
    if name == "IN":
        yield value
    elif name == "BRANCH":
        yield from value[1]
    elif name == "GROUPREF_EXISTS":
        yield from (part for part in value[1:] if part)
    elif name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT") or name.endswith("_REPEAT"):
        yield value[-1]
    elif name == "ATOMIC_GROUP":
        yield value
