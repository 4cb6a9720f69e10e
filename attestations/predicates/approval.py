"""Predicate `approval/v1`: somebody vouches for an artifact that somebody else made."""

from datetime import datetime
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.ledger.event import format_time, parse_time
from weightmark.values import dataclass

__all__ = ["APPROVAL_PREDICATE", "ApprovalClaim"]

APPROVAL_PREDICATE = "https://weightmark/predicates/approval/v1"
_MAX_REASON = 4096


@dataclass(frozen=True, slots=True)
class ApprovalClaim:
    """A statement "I vouch for this identity"."""

    reason: str
    """why, for people; not empty"""
    expires: datetime | None
    """aware; from then on the approval is void; None for an approval without an end"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = require_fields(
            statement.predicate, "the approval predicate", {"reason"}, optional={"expires"}
        )
        reason, expires = fields["reason"], fields.get("expires")
        if not isinstance(reason, str) or not reason.strip() or len(reason) > _MAX_REASON:
            raise MalformedError(f"the approval gives no reason of 1 to {_MAX_REASON} characters")
        if expires is not None and not isinstance(expires, str):
            raise MalformedError("the expiry of the approval is not a string")
        return cls(reason, None if expires is None else parse_time(expires))

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields: dict[str, Any] = {"reason": self.reason}
        if self.expires is not None:
            fields["expires"] = format_time(self.expires)
        return fields

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the approval is void at `now`."""
        return self.expires is not None and now >= self.expires
