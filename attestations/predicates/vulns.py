"""Predicate `vulns/v0.2` (in-toto): what a vulnerability scanner found, and how old its knowledge was."""

from dataclasses import field
from datetime import datetime
from typing import Any, Self

from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.attestations.statements import Statement
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["VULNS_PREDICATE", "Vulnerability", "VulnerabilityReport"]

VULNS_PREDICATE = "https://in-toto.io/attestation/vulns/v0.2"


@dataclass(frozen=True)
class Vulnerability:
    """One finding."""

    id: str
    """as `CVE-2025-1234` or `GHSA-…`"""
    severities: tuple[tuple[str, str], ...]
    """method and score, as `("nvd", "medium")`"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read one; raises `MalformedError`."""
        severities = tuple(
            (one.text("method"), one.text("score")) for one in fields.optional_parts("severity")
        )
        return cls(fields.text("id"), severities, fields.rest)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        severity = [{"method": method, "score": score} for method, score in self.severities]
        return {"id": self.id, "severity": severity, **self.extensions}


@dataclass(frozen=True)
class VulnerabilityReport:
    """What one scan found."""

    scanner: str
    """URI of the scanner"""
    version: str
    """of the scanner; may be empty"""
    database: dict[str, Any]
    """where its knowledge comes from, its version and when it was updated, as it stands"""
    database_updated: datetime | None
    """when its knowledge was updated last; aware"""
    vulnerabilities: tuple[Vulnerability, ...]
    """none means that none was found"""
    started: datetime
    """aware"""
    finished: datetime
    """aware"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = Fields(statement.predicate, "the vulnerability report")
        scanner, metadata = fields.part("scanner"), fields.part("metadata")
        return cls(
            scanner=scanner.text("uri"),
            version=scanner.optional_text("version"),
            database=scanner.mapping("db"),
            database_updated=scanner.optional_part("db").optional_moment("lastUpdate"),
            vulnerabilities=tuple(Vulnerability.read(one) for one in scanner.parts("result")),
            started=metadata.moment("scanStartedOn"),
            finished=metadata.moment("scanFinishedOn"),
            extensions=fields.rest,
        )

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.extensions,
            "scanner": {
                "uri": self.scanner,
                **without_empty({"version": self.version, "db": self.database}),
                "result": [one.to_json() for one in self.vulnerabilities],
            },
            "metadata": {
                "scanStartedOn": format_time(self.started),
                "scanFinishedOn": format_time(self.finished),
            },
        }
