"""Predicate `classification/v1`: how far an artifact may go, by the words of its owner."""

from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.values import dataclass

__all__ = ["CLASSIFICATION_PREDICATE", "LEVELS", "ClassificationClaim"]

CLASSIFICATION_PREDICATE = "https://weightmark/predicates/classification/v1"
LEVELS = ("public", "internal", "confidential", "restricted")
"""from the mildest to the strictest; a model inherits the strictest of its lineage"""


@dataclass(frozen=True, slots=True)
class ClassificationClaim:
    """One level, and why."""

    level: str
    """one of `LEVELS`"""
    reason: str = ""
    """for people"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        what = "the classification predicate"
        fields = Fields(
            require_fields(statement.predicate, what, {"level"}, optional={"reason"}), what
        )
        return cls(fields.choice("level", LEVELS), fields.optional_text("reason"))

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"level": self.level, **without_empty({"reason": self.reason})}
