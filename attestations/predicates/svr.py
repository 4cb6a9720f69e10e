"""Predicate `svr/v0.2` (in-toto Simple Verification Result): which properties a verifier saw to hold."""

from dataclasses import field
from datetime import datetime
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor, read_descriptors
from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["SVR_PREDICATE", "SimpleVerificationResult"]

SVR_PREDICATE = "https://in-toto.io/attestation/svr/v0.2"


@dataclass(frozen=True)
class SimpleVerificationResult:
    """What passed; what did not is not listed."""

    verifier: str
    """URI of who verified"""
    time: datetime
    """when; aware"""
    properties: tuple[str, ...]
    """what was seen to hold"""
    policies: tuple[Descriptor, ...] = ()
    """by which policies"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the verification result")
        verifier = fields.part("verifier")
        return cls(
            verifier=verifier.text("id"),
            time=fields.moment("timeCreated"),
            properties=fields.texts("properties"),
            policies=read_descriptors(verifier.optional_parts("policies")),
            extensions=fields.rest,
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        policies = [policy.to_json() for policy in self.policies]
        return {
            **self.extensions,
            "verifier": {"id": self.verifier, **without_empty({"policies": policies})},
            "timeCreated": format_time(self.time),
            "properties": list(self.properties),
        }
