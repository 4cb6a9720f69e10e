"""Predicate `scai/v0.3` (in-toto Software Supply Chain Attribute Integrity): attributes, and evidence for them."""

from dataclasses import field
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["SCAI_PREDICATE", "Attribute", "AttributeReport"]

SCAI_PREDICATE = "https://in-toto.io/attestation/scai/v0.3"


@dataclass(frozen=True)
class Attribute:
    """One attribute of the subject."""

    name: str
    """what holds"""
    target: Descriptor | None = None
    """of which part; None for the whole subject"""
    conditions: dict[str, Any] = field(default_factory=dict)
    """under which conditions"""
    evidence: Descriptor | None = None
    """where the proof stands"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read one; raises `MalformedError`."""
        return cls(
            name=fields.text("attribute"),
            target=_descriptor(fields, "target"),
            conditions=fields.mapping("conditions"),
            evidence=_descriptor(fields, "evidence"),
            extensions=fields.rest,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "attribute": self.name,
            **without_empty(
                {
                    "target": self.target.to_json() if self.target else None,
                    "conditions": self.conditions,
                    "evidence": self.evidence.to_json() if self.evidence else None,
                }
            ),
            **self.extensions,
        }


@dataclass(frozen=True)
class AttributeReport:
    """All attributes that one producer vouches for."""

    attributes: tuple[Attribute, ...]
    """at least one"""
    producer: Descriptor | None = None
    """who found them; None when it is the signer"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the attribute report")
        attributes = tuple(Attribute.read(entry) for entry in fields.parts("attributes"))
        if not attributes:
            raise MalformedError("the attribute report holds no attribute")
        return cls(attributes, _descriptor(fields, "producer"), fields.rest)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        producer = self.producer.to_json() if self.producer else None
        attributes = [one.to_json() for one in self.attributes]
        return {
            **self.extensions,
            "attributes": attributes,
            **without_empty({"producer": producer}),
        }


def _descriptor(fields: Fields, name: str) -> Descriptor | None:
    found = fields.optional_part(name)
    return Descriptor.read(found) if found.rest else None
