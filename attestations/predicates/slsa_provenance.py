"""Predicate `provenance/v1` (SLSA Build Provenance v1, spec v1.2): how an artifact was made, from what, by whom."""

from dataclasses import field
from datetime import datetime
from typing import Any, Self

from weightmark.attestations.predicates.descriptor import Descriptor, read_descriptors
from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.predicates.steps import BUILD_TYPE_PREFIX, STEPS
from weightmark.attestations.statements import Statement
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["SLSA_PROVENANCE_PREDICATE", "SlsaProvenance"]

SLSA_PROVENANCE_PREDICATE = "https://slsa.dev/provenance/v1"


@dataclass(frozen=True)
class SlsaProvenance:
    """How one step was run."""

    build_type: str
    """URI of the kind of step"""
    external_parameters: dict[str, Any]
    """what the caller chose; a verifier has to check each"""
    dependencies: tuple[Descriptor, ...]
    """what went in, as far as it was recorded"""
    builder: str
    """URI of who ran it"""
    internal_parameters: dict[str, Any] = field(default_factory=dict)
    """what the builder chose"""
    invocation: str = ""
    """of this very run; empty when nobody said"""
    started: datetime | None = None
    """by the builder's own word; aware"""
    finished: datetime | None = None
    """by the builder's own word; aware"""
    byproducts: tuple[Descriptor, ...] = ()
    """further outputs"""
    builder_version: dict[str, Any] = field(default_factory=dict)
    """versions of the builder's parts"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields of the predicate itself, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`. Unknown fields are kept or left."""
        fields = Fields(statement.predicate, "the provenance")
        definition, details = fields.part("buildDefinition"), fields.part("runDetails")
        builder, metadata = details.part("builder"), details.optional_part("metadata")
        return cls(
            build_type=definition.text("buildType"),
            external_parameters=definition.part("externalParameters").rest,
            internal_parameters=definition.mapping("internalParameters"),
            dependencies=read_descriptors(definition.optional_parts("resolvedDependencies")),
            builder=builder.text("id"),
            builder_version=builder.mapping("version"),
            invocation=metadata.optional_text("invocationId"),
            started=metadata.optional_moment("startedOn"),
            finished=metadata.optional_moment("finishedOn"),
            byproducts=read_descriptors(details.optional_parts("byproducts")),
            extensions=fields.rest,
        )

    @property
    def step(self) -> str:
        """Which of `STEPS` it is; empty for a build type of somebody else."""
        name, _, version = self.build_type.removeprefix(BUILD_TYPE_PREFIX).partition("/")
        known = self.build_type.startswith(BUILD_TYPE_PREFIX) and version == "v1" and name in STEPS
        return name if known else ""

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        metadata = {
            "invocationId": self.invocation,
            "startedOn": format_time(self.started) if self.started else "",
            "finishedOn": format_time(self.finished) if self.finished else "",
        }
        return {
            **self.extensions,
            "buildDefinition": {
                "buildType": self.build_type,
                "externalParameters": self.external_parameters,
                **without_empty({"internalParameters": self.internal_parameters}),
                "resolvedDependencies": [one.to_json() for one in self.dependencies],
            },
            "runDetails": {
                "builder": {"id": self.builder, **without_empty({"version": self.builder_version})},
                **without_empty(
                    {
                        "metadata": without_empty(metadata),
                        "byproducts": [one.to_json() for one in self.byproducts],
                    }
                ),
            },
        }
