"""How long ago something may have happened: `90d`, `12h`, `30m`."""

import re
from datetime import timedelta

from weightmark.attestations.strict_toml import Table
from weightmark.patterns import lazy_pattern

__all__ = ["format_age", "parse_age", "read_age"]

_AGE = lazy_pattern(r"([1-9][0-9]{0,5})([dhm])\Z", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def read_age(fields: Table, key: str) -> timedelta | None:
    """Return an age, None when nothing is said; raises what the table raises."""
    age = parse_age(fields.text(key, ""))
    if age is None and fields.has(key):
        raise fields.wrong(key, "an age, written as `90d`, `12h` or `30m`")
    return age


def parse_age(text: str) -> timedelta | None:
    """Return the age that a text says, None when it says none."""
    match = _AGE.match(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def format_age(age: timedelta) -> str:
    """Return an age as a policy writes it, in the largest unit that fits."""
    for unit, length in _UNITS.items():
        if age and age % length == timedelta(0):
            return f"{age // length}{unit}"
    return f"{age // _UNITS['m']}m"
