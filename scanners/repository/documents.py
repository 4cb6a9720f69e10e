"""Configuration documents as trees in which no key hides another."""

import json
from collections.abc import Iterator
from typing import Any

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import over_limit
from weightmark.values import dataclass

__all__ = ["Field", "JsonObject", "decode_json", "parse_document", "walk"]

_LONGEST_POINTER = 200


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object with every pair as it stands, duplicates included."""

    pairs: tuple[tuple[str, Any], ...]
    """keys and values in order"""

    def all(self, key: str) -> tuple[Any, ...]:
        """Return each value of `key`; more than one where the key is repeated."""
        return tuple(value for name, value in self.pairs if name == key)

    @property
    def keys(self) -> frozenset[str]:
        """The distinct keys."""
        return frozenset(name for name, _ in self.pairs)


@dataclass(frozen=True, slots=True)
class Field:
    """One value of an object, and where it stands."""

    owner: JsonObject
    """the object"""
    key: str
    """its key"""
    value: Any
    """the value: a `JsonObject`, a list, text, a number, a bool or None"""
    pointer: str
    """the path to it, keys joined by `/`"""


def decode_json(data: bytes) -> str:
    """Return the text of a JSON document in whatever encoding Python's loader finds out."""
    return data.decode(json.detect_encoding(data), "replace")


def parse_document(text: str, *, what: str, nesting: int) -> Any:
    """Parse JSON as Python's loaders do, but keep repeated keys.

    NaN and infinities are accepted, since those loaders accept them. Raises `MalformedError` for
    what they refuse and `LimitError` for lists and objects nested deeper than `nesting`.
    """
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise _too_deep(what, nesting) from error
    except ValueError as error:
        raise MalformedError(f"{what} is not JSON: {error}") from error
    if text.count("[") + text.count("{") > nesting and _is_deeper(document, nesting):
        raise _too_deep(what, nesting)
    return document


def walk(document: object) -> Iterator[Field]:
    """Yield every field of every object, at any depth; a shared object once."""
    stack: list[tuple[object, str]] = [(document, "")]
    seen: set[int] = set()
    while stack:
        value, pointer = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, list):
            stack.extend((item, pointer) for item in value if isinstance(item, JsonObject | list))
        elif isinstance(value, JsonObject):
            for key, item in value.pairs:
                below = f"{pointer}/{key}"[-_LONGEST_POINTER:] if pointer else key
                yield Field(value, key, item, below)
                if isinstance(item, JsonObject | list):
                    stack.append((item, below))


def _is_deeper(document: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested deeper than so many levels."""
    level = [document]
    for _ in range(levels):
        level = [
            item
            for owner in level
            for item in (owner if isinstance(owner, list) else _values(owner))
            if isinstance(item, JsonObject | list)
        ]
        if not level:
            return False
    return True


def _values(value: Any) -> list[Any]:
    return [item for _, item in value.pairs] if isinstance(value, JsonObject) else []


def _too_deep(what: str, nesting: int) -> LimitError:
    return over_limit("nesting", f"{what} is nested deeper than {nesting} levels")


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    return JsonObject(tuple(pairs))
