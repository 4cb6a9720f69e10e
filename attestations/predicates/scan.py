"""Predicate `scan/v1`: what the scanner said about an artifact when it was signed."""

from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import Exit, MalformedError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.scanners.findings import Finding, ScanReport, Severity

__all__ = ["SCAN_PREDICATE", "ScanClaim"]

SCAN_PREDICATE = "https://weightmark/predicates/scan/v1"
_FIELDS = {"scanner", "rules", "result", "fail_on", "findings"}


@dataclass(frozen=True, slots=True)
class ScanClaim:
    """What one scan found."""

    scanner: str
    """name and versions, `weightmark 0.1.0, scanner 1`; empty when nothing was scanned"""
    rules: str
    """`sha256:<hex>` of the rules and allowlists in force; empty when nothing was scanned"""
    result: str
    """`clean`, `findings`, `unsupported` (no file of a kind that can be checked) or `not-scanned`"""
    fail_on: str
    """the severity from which signing would have been refused"""
    findings: tuple[dict[str, Any], ...]
    """findings below that severity, as the scanner reports them"""

    @classmethod
    def not_scanned(cls, fail_on: str) -> Self:
        """Make the claim that says openly that nothing was scanned."""
        return cls("", "", "not-scanned", fail_on, ())

    @classmethod
    def of_report(cls, report: "ScanReport", fail_on: "Severity") -> Self:
        """Make the claim about a scan that stayed below `fail_on`."""
        from weightmark import __version__
        from weightmark.scanners.scan import SCANNER_VERSION, rules_digest

        findings = tuple(_finding_to_json(finding) for finding in report.findings)
        result = "findings" if findings else "clean"
        if report.exit(fail_on) is Exit.NOTHING:
            result = "unsupported"
        return cls(
            f"weightmark {__version__}, scanner {SCANNER_VERSION}",
            f"sha256:{rules_digest()}",
            result,
            fail_on.word,
            findings,
        )

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = require_fields(statement.predicate, "the scan predicate", _FIELDS)
        texts = [fields[name] for name in ("scanner", "rules", "result", "fail_on")]
        findings = fields["findings"]
        if not all(isinstance(text, str) for text in texts) or not isinstance(findings, list):
            raise MalformedError("the scan predicate has fields of the wrong type")
        if not all(isinstance(finding, dict) for finding in findings):
            raise MalformedError("a finding of the scan predicate is not a JSON object")
        return cls(texts[0], texts[1], texts[2], texts[3], tuple(findings))

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "scanner": self.scanner,
            "rules": self.rules,
            "result": self.result,
            "fail_on": self.fail_on,
            "findings": list(self.findings),
        }


def _finding_to_json(finding: "Finding") -> dict[str, Any]:
    fields = {
        "rule": finding.rule,
        "severity": finding.severity.word,
        "message": finding.message,
        "path": finding.path,
        "member": finding.member,
        "offset": finding.offset,
        "detail": finding.detail,
    }
    return {name: _writable(value) for name, value in fields.items() if value not in ("", None)}


def _writable(value: object) -> object:
    """Escape lone surrogates, which hostile content can bring into a finding and JSON can't hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value
