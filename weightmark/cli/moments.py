"""Dates and times as people write them in options."""

from datetime import datetime

from weightmark.errors import CallError, MalformedError
from weightmark.provenance.ledger.event import parse_time

__all__ = ["parse_beginning", "parse_moment"]

_LENGTH_OF_DATE = 10


def parse_moment(text: str | None) -> datetime | None:
    """Read a date (its last second) or a time in UTC; raises `CallError`."""
    if text is None:
        return None
    try:
        return parse_time(text if "T" in text else f"{text}T23:59:59Z")
    except MalformedError as error:
        raise CallError(
            f"`{text}` is no date", fix="write it as 2027-01-31 or 2027-01-31T12:00:00Z"
        ) from error


def parse_beginning(text: str | None) -> datetime | None:
    """Read a date (its first second) or a time in UTC; raises `CallError`."""
    whole_day = text is not None and len(text) == _LENGTH_OF_DATE
    return parse_moment(f"{text}T00:00:00Z" if whole_day else text)
