"""Predicate `release/v0.2` (in-toto): which artifact a registry calls by this name and version."""

from dataclasses import field
from typing import Any, Self

from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["RELEASE_PREDICATE", "Release"]

RELEASE_PREDICATE = "https://in-toto.io/attestation/release/v0.2"


@dataclass(frozen=True)
class Release:
    """One release of a package."""

    purl: str
    """package URL with a version, as `pkg:huggingface/acme/base@…`"""
    package: str = ""
    """identifier that stays when the package is renamed; `packageId`"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the release")
        purl = fields.text("purl")
        if not purl.startswith("pkg:") or "@" not in purl:
            raise MalformedError("`purl` of the release is not a package URL with a version")
        return cls(purl, fields.optional_text("packageId"), fields.rest)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self.extensions, "purl": self.purl, **without_empty({"packageId": self.package})}
