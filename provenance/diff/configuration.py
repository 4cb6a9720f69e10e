"""What changed between two configuration documents, key by key."""

from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.values import dataclass

__all__ = ["KeyChange", "key_changes"]

_MISSING = object()
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key whose value is not the same in both documents."""

    kind: str
    """`changed`, `added` or `removed`"""
    key: str
    """the way to it, joined by dots; dots and backslashes in a key are escaped by a backslash"""
    before: str | None
    """the value in the first document, as JSON; None for `added`"""
    after: str | None
    """the value in the second document, as JSON; None for `removed`"""


def key_changes(before: Any, after: Any) -> tuple[KeyChange, ...]:
    """Compare two parsed JSON documents; lists are compared whole."""
    return tuple(_below(before, after, ()))


def _below(before: Any, after: Any, way: tuple[str, ...]) -> Iterator[KeyChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and len(way) < _DEEPEST:
        for key in sorted(before.keys() | after.keys()):
            yield from _below(before.get(key, _MISSING), after.get(key, _MISSING), (*way, key))
    elif _text(before) != _text(after):
        kind = "added" if before is _MISSING else "removed" if after is _MISSING else "changed"
        yield KeyChange(kind, ".".join(map(_escaped, way)) or ".", _text(before), _text(after))


def _text(value: Any) -> str | None:
    """Return a value as JSON, so that `1` and `true`, which are equal in Python, stay apart."""
    import json

    return None if value is _MISSING else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.")
