"""Predicate `link/v0.3` (in-toto): one step of a supply chain, its command, materials and by-products."""

from dataclasses import field
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor, read_descriptors
from weightmark.attestations.predicates.fields import Fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["LINK_PREDICATE", "Link"]

LINK_PREDICATE = "https://in-toto.io/attestation/link/v0.3"


@dataclass(frozen=True)
class Link:
    """One step; its products are the statement's subjects."""

    name: str
    """of the step, as a layout calls it"""
    command: tuple[str, ...] = ()
    """what was run"""
    materials: tuple[Descriptor, ...] = ()
    """what went in; each has a name of its own and a digest"""
    byproducts: dict[str, Any] = field(default_factory=dict)
    """return value and the like"""
    environment: dict[str, Any] = field(default_factory=dict)
    """where it ran"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the link")
        materials = read_descriptors(fields.optional_parts("materials"))
        names = {material.name for material in materials}
        if len(names) != len(materials) or not all(one.name and one.digest for one in materials):
            raise MalformedError("a material of the link lacks a name of its own or a digest")
        return cls(
            name=fields.text("name"),
            command=fields.optional_texts("command"),
            materials=materials,
            byproducts=fields.mapping("byproducts"),
            environment=fields.mapping("environment"),
            extensions=fields.rest,
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.extensions,
            "name": self.name,
            "command": list(self.command),
            "materials": [one.to_json() for one in self.materials],
            "byproducts": self.byproducts,
            "environment": self.environment,
        }
