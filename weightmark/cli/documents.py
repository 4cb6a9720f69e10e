"""From the values of the wings to the lines and facts that are rendered."""

from collections.abc import Iterable
from typing import Any

from weightmark.attestations.belief import ListedClaim
from weightmark.attestations.checks import Check, Outcome
from weightmark.cli.render.interface import CheckLine, FindingLine
from weightmark.cli.render.interface import Outcome as Shown
from weightmark.provenance.artifact import Artifact
from weightmark.scanners.findings import FileScan, Finding

__all__ = ["check_lines", "claim_facts", "file_scan_facts", "finding_lines", "outside_facts"]

_SHOWN = {
    Outcome.PASS: Shown.PASS,
    Outcome.FAIL: Shown.FAIL,
    Outcome.UNCHECKED: Shown.UNCHECKED,
    Outcome.NOTHING: Shown.UNCHECKED,
    Outcome.INFO: Shown.INFO,
}


def check_lines(checks: Iterable[Check]) -> tuple[CheckLine, ...]:
    """Turn checks into lines, in their order."""
    return tuple(
        CheckLine(
            _SHOWN[check.outcome], check.name, check.summary, check.why, check.fix, check.details
        )
        for check in checks
    )


def finding_lines(findings: Iterable[Finding], *, root: str = "") -> tuple[FindingLine, ...]:
    """Turn findings into lines; `root` is put before each path when several artifacts are shown."""
    return tuple(_finding_line(finding, root) for finding in findings)


def claim_facts(claims: Iterable[ListedClaim]) -> list[dict[str, Any]]:
    """Return claims as JSON."""
    return [
        {
            "source": claim.source,
            "predicate_type": claim.predicate_type,
            "signer": claim.signer,
            "trusted": claim.trusted,
            "identity": claim.identity,
        }
        for claim in claims
    ]


def file_scan_facts(files: Iterable[FileScan]) -> list[dict[str, Any]]:
    """Return what was learned about each file as JSON."""
    return [
        {
            "path": file.path,
            "formats": list(file.formats),
            "outcome": file.outcome.value,
            "problems": list(file.problems),
        }
        for file in files
    ]


def outside_facts(artifact: Artifact) -> list[dict[str, Any]]:
    """Return what lies outside of the artifact as JSON."""
    return [{"path": part.path, "files": part.files} for part in artifact.outside]


def _finding_line(finding: Finding, root: str) -> FindingLine:
    path = f"{root}/{finding.path}" if root else finding.path
    location = f"{path}!{finding.member}" if finding.member else path
    return FindingLine(
        finding.rule,
        finding.severity.word,
        finding.message,
        location,
        finding.offset,
        finding.detail,
        finding.help,
    )
