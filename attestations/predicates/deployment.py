"""Predicate `deployment/v1`: an artifact went into use somewhere."""

from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["DEPLOYMENT_PREDICATE", "DeploymentClaim"]

DEPLOYMENT_PREDICATE = "https://weightmark/predicates/deployment/v1"
_MAX_TEXT = 4096


@dataclass(frozen=True, slots=True)
class DeploymentClaim:
    """A statement "this artifact runs there"."""

    target: str
    """where, for people and searches: a cluster, a service, a device; not empty"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = require_fields(statement.predicate, "the deployment predicate", {"target"})
        target = fields["target"]
        if not isinstance(target, str) or not target.strip() or len(target) > _MAX_TEXT:
            raise MalformedError(f"the deployment names no target of 1 to {_MAX_TEXT} characters")
        return cls(target)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"target": self.target}
