"""Predicate `submission/v1`: a submitter asks a log to enter one claim."""

from datetime import datetime
from typing import Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.ledger.event import format_time, parse_time
from weightmark.values import dataclass

__all__ = ["SUBMISSION_PREDICATE", "SubmissionRequest"]

SUBMISSION_PREDICATE = "https://weightmark/predicates/submission/v1"
_FIELDS = ("origin", "kind", "claim_id", "claim_sha256", "event_id", "not_after")


@dataclass(frozen=True, slots=True)
class SubmissionRequest:
    """What a submitter asks for."""

    origin: str
    """the log that is meant"""
    kind: str
    """the kind of entry asked for"""
    claim_id: str
    """SHA-256 hex of the claim's PAE"""
    claim_sha256: str
    """SHA-256 hex of the claim's bytes"""
    event_id: str
    """the same id again is the same event"""
    not_after: datetime
    """from then on the request is void"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        if statement.predicate_type != SUBMISSION_PREDICATE:
            raise MalformedError("the request is not a submission")
        fields = require_fields(statement.predicate, "the submission", set(_FIELDS))
        if not all(isinstance(fields[name], str) for name in _FIELDS):
            raise MalformedError("a field of the submission is not a string")
        if statement.subject.sha256 != fields["claim_sha256"]:
            raise MalformedError(
                "the subject of the submission is another claim than its predicate names"
            )
        return cls(**{**fields, "not_after": parse_time(fields["not_after"])})

    def to_statement(self) -> bytes:
        """Return the bytes to sign."""
        predicate = {
            "origin": self.origin,
            "kind": self.kind,
            "claim_id": self.claim_id,
            "claim_sha256": self.claim_sha256,
            "event_id": self.event_id,
            "not_after": format_time(self.not_after),
        }
        return Statement.about_digest("claim", self.claim_sha256, SUBMISSION_PREDICATE, predicate)
