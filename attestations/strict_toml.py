"""A TOML table that is read key by key: wrong types and unknown keys are errors that name the key."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from weightmark.attestations.spelling import nearest
from weightmark.errors import CallError, PolicyError

__all__ = ["Table"]

_NUL = "\0"

_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "issuerRegExp": "issuer",
        "key": "keys",
        "public_key": "keys",
        "source_repository": "repository",
        "subject": "identity",
        "subjectRegExp": "identity_regex",
        "subject_glob": "identity_glob",
        "subject_regex": "identity_regex",
        "trust_config": "trust",
    }
)
"""what other tools call a key, and how it is called here; no spelling is near enough to guess it"""

Choice = TypeVar("Choice", bound=StrEnum)


class Table:
    """One table; ask for every known key, then call `finish`."""

    def __init__(
        self,
        values: Mapping[str, object],
        path: str = "",
        *,
        document: str = "the policy",
        help_page: str = "docs/formats/policy.md",
        error: type[CallError] = PolicyError,
    ) -> None:
        """Read `values`, which stand below the dotted key `path` of `document`; `error` is raised for what is wrong."""
        self._values = values
        self._path = path
        self._document = document
        self._help_page = help_page
        self._error = error
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        """Tell whether the table says anything about `key`."""
        return key in self._values

    def text(self, key: str, default: str) -> str:
        """Return a string."""
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        if _NUL in value:
            raise self.wrong(key, "a string without NUL")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "`true` or `false`")
        return value

    def count(self, key: str, default: int, *, limit: int) -> int:
        """Return an integer from 0 to `limit`."""
        value = self._take(key, default)
        if type(value) is not int or not 0 <= value <= limit:
            raise self.wrong(key, f"a whole number from 0 to {limit}")
        return value

    def choice(self, key: str, default: Choice) -> Choice:
        """Return a member of the enumeration of `default`."""
        value = self._take(key, default.value)
        known = {member.value: member for member in type(default)}
        if not isinstance(value, str) or value not in known:
            raise self.wrong(key, " or ".join(f"`{word}`" for word in known))
        return known[value]

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of non-empty strings."""
        value = self._take(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "a list of strings")
        items = tuple(item for item in value if isinstance(item, str) and item and _NUL not in item)
        if len(items) != len(value):
            raise self.wrong(key, "a list of strings that are not empty and hold no NUL")
        return items

    def moment(self, key: str, *, end_of_day: bool = False) -> datetime | None:
        """Return a date or an offset date-time in UTC, None when absent; a date means its first or last second."""
        value = self._take(key, None)
        if value is None:
            return None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise self.wrong(key, "a time with its offset, as in `2027-01-31T12:00:00Z`")
            try:
                return value.astimezone(UTC)
            except OverflowError as error:
                raise self.wrong(key, "a time in the years 1 to 9999 of UTC") from error
        if not isinstance(value, date):
            raise self.wrong(key, "a date, written as `2027-01-31` without quotes")
        clock = time(23, 59, 59, tzinfo=UTC) if end_of_day else time(tzinfo=UTC)
        return datetime.combine(value, clock)

    def table(self, key: str) -> "Table":
        """Return a table below this one; empty when the document does not hold it."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"a table, written as `[{self._dotted(key)}]`")
        return self._below(value, self._dotted(key))

    def tables(self, key: str, *, limit: int) -> "tuple[Table, ...]":
        """Return the tables of an array, written as `[[key]]`, at most `limit`; none when the document does not hold it."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.wrong(key, f"a list of tables, written as `[[{self._dotted(key)}]]`")
        if len(value) > limit:
            raise self.wrong(key, f"a list of at most {limit} tables")
        return tuple(
            self._below(one, f"{self._dotted(key)}.{number}")
            for number, one in enumerate(value, start=1)
        )

    def value(self, key: str) -> object:
        """Return whatever stands there, None when nothing does; the caller checks its type."""
        return self._take(key, None)

    def names(self) -> tuple[str, ...]:
        """Return the keys that stand here, in their order."""
        return tuple(self._values)

    def finish(self) -> None:
        """Refuse every key that nobody asked for."""
        for key in self._values:
            if key not in self._known:
                near = _ELSEWHERE.get(key, "")
                near = near if near in self._known else nearest(key, self._known)
                guess = f"did you mean `{self._dotted(near)}`?" if near else ""
                known = ", ".join(f"`{name}`" for name in sorted(self._known))
                raise self._error(
                    f"{self._document} has an unknown key `{self._dotted(key)[:100]}`",
                    why="a demand that is misspelt would demand nothing",
                    fix=guess or f"known here are {known}",
                )

    def _below(self, values: Mapping[str, object], path: str) -> "Table":
        return Table(
            values,
            path,
            document=self._document,
            help_page=self._help_page,
            error=self._error,
        )

    def _take(self, key: str, default: object) -> object:
        self._known.append(key)
        return self._values.get(key, default)

    def _dotted(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def wrong(self, key: str, expected: str) -> CallError:
        """Return the error for a value that is not what is `expected`."""
        return self._error(
            f"`{self._dotted(key)}` of {self._document} is not {expected}",
            fix=f"see `{self._help_page}`",
        )
