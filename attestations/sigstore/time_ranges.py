"""Windows of time in which a key or an authority counts: closed intervals (protobuf-specs `TimeRange`)."""

import re
from datetime import UTC, datetime
from typing import Any

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.errors import ExpiredError, MalformedError
from weightmark.values import dataclass

__all__ = ["TimeRange", "moment"]

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z\Z")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From when until when; both ends belong to it."""

    start: datetime
    """first moment, in UTC"""
    end: datetime | None
    """last moment, in UTC; None for no end"""

    @classmethod
    def from_json(cls, value: object, what: str) -> "TimeRange":
        """Read `{start, end?}`; raises `MalformedError`, also when `start` is missing."""
        fields = require_fields(value, f"the validity of {what}", {"start"}, optional={"end"})
        end = _parse(fields["end"], what) if fields.get("end") is not None else None
        return cls(_parse(fields["start"], what), end)

    def holds(self, at: datetime) -> bool:
        """Tell whether `at` lies within."""
        return self.start <= at and (self.end is None or at <= self.end)

    def check(self, at: datetime, what: str) -> None:
        """Raise `ExpiredError` unless `at` lies within; `what` names whose window it is."""
        if self.holds(at):
            return
        until = f" until {moment(self.end)}" if self.end else ""
        raise ExpiredError(
            f"{what} did not count at {moment(at)}",
            why=f"your trust root lets it count from {moment(self.start)}{until}",
            fix="ask the publisher for a new signature, or check that the trust root is the right one",
        )


def moment(at: datetime) -> str:
    """Write a moment as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse(value: Any, what: str) -> datetime:
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise MalformedError(f"the validity of {what} is not in RFC 3339 UTC")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise MalformedError(f"the validity of {what} is no moment") from error
