"""Reading a predicate field by field: wrong types are named, unknown fields are kept.

in-toto's parsing rules (Attestation Framework v1) let producers add fields, so nothing unknown is
refused; what is known has to be of its type.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from weightmark.errors import MalformedError
from weightmark.patterns import lazy_pattern

__all__ = ["Fields", "without_empty"]

_MAX_ITEMS = 100_000
"""entries of one list"""
_RFC3339 = lazy_pattern(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})\Z", re.ASCII
)


class Fields:
    """One JSON object of a predicate. Every method raises `MalformedError` that names the field."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise MalformedError(f"{what} is not a JSON object")
        self._fields: dict[str, Any] = value
        self._what = what
        self._read: set[str] = set()

    @property
    def rest(self) -> dict[str, Any]:
        """The fields that nobody asked for."""
        return {name: value for name, value in self._fields.items() if name not in self._read}

    def text(self, name: str) -> str:
        """Return a text that must be there and say something."""
        value = self.optional_text(name)
        if not value:
            raise MalformedError(f"{self._what} lacks `{name}`")
        return value

    def optional_text(self, name: str) -> str:
        """Return a text, or the empty one."""
        value = self._take(name, "")
        if not isinstance(value, str):
            raise MalformedError(f"`{name}` of {self._what} is not a text")
        return value

    def moment(self, name: str) -> datetime:
        """Return a time (RFC 3339) that must be there."""
        return _read_time(self.text(name))

    def optional_moment(self, name: str) -> datetime | None:
        """Return a time, or None."""
        text = self.optional_text(name)
        return _read_time(text) if text else None

    def part(self, name: str) -> Self:
        """Return an object that must be there."""
        if name not in self._fields:
            raise MalformedError(f"{self._what} lacks `{name}`")
        return type(self)(self._take(name, None), f"`{name}` of {self._what}")

    def optional_part(self, name: str) -> Self:
        """Return an object, or an empty one."""
        return type(self)(self._take(name, {}), f"`{name}` of {self._what}")

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object as it stands, or an empty one."""
        return self.optional_part(name)._fields

    def parts(self, name: str) -> list[Self]:
        """Return a list of objects that must be there."""
        if name not in self._fields:
            raise MalformedError(f"{self._what} lacks `{name}`")
        return self.optional_parts(name)

    def optional_parts(self, name: str) -> list[Self]:
        """Return a list of objects, or an empty one."""
        entry = f"an entry of `{name}` of {self._what}"
        return [type(self)(value, entry) for value in self._list(name)]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts that must be there."""
        if name not in self._fields:
            raise MalformedError(f"{self._what} lacks `{name}`")
        return self.optional_texts(name)

    def optional_texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, or an empty one."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise MalformedError(f"an entry of `{name}` of {self._what} is not a text")
        return tuple(values)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of some words."""
        value = self.text(name)
        if value not in choices:
            raise MalformedError(
                f"`{name}` of {self._what} is `{value[:80]}`, not {' or '.join(choices)}"
            )
        return value

    def _list(self, name: str) -> list[Any]:
        values = self._take(name, [])
        if not isinstance(values, list):
            raise MalformedError(f"`{name}` of {self._what} is not a list")
        if len(values) > _MAX_ITEMS:
            raise MalformedError(f"`{name}` of {self._what} has over {_MAX_ITEMS} entries")
        return values

    def _take(self, name: str, default: object) -> Any:
        self._read.add(name)
        value = self._fields.get(name, default)
        # protobuf's JSON writers put null where nothing was set
        return default if value is None else value


def _read_time(text: str) -> datetime:
    """Read RFC 3339 with any offset and fraction, as other producers write it; the answer is in UTC."""
    if _RFC3339.match(text):
        with suppress(ValueError, OverflowError):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    raise MalformedError(f"`{text[:40]!a}` is no time", why="times are written as RFC 3339")


def without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that say something, to write optional ones only when they are set."""
    return {name: value for name, value in fields.items() if value not in ("", None, [], {}, ())}
