"""Predicate `reference/v0.1` (in-toto): a signed pointer to documents about the subject, as an SBOM."""

from dataclasses import field
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor, read_descriptors
from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["REFERENCE_PREDICATE", "References"]

REFERENCE_PREDICATE = "https://in-toto.io/attestation/reference/v0.1"


@dataclass(frozen=True)
class References:
    """Documents, by digest."""

    attester: str
    """URI of who points at them"""
    documents: tuple[Descriptor, ...]
    """each with a digest"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the reference")
        documents = read_descriptors(fields.parts("references"))
        if not all(document.digest for document in documents):
            raise MalformedError("a referenced document has no digest")
        return cls(fields.part("attester").text("id"), documents, fields.rest)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.extensions,
            "attester": {"id": self.attester},
            "references": [document.to_json() for document in self.documents],
        }
