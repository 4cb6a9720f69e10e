"""From the values of the wings to the lines and facts that are rendered."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.attestations.checks import Check, Outcome
from weightmark.cli.render.interface import CheckLine, FindingLine
from weightmark.cli.render.interface import Outcome as Shown
from weightmark.errors import WeightmarkError

if TYPE_CHECKING:
    from weightmark.attestations.trust import VerifiedBundle
    from weightmark.attestations.verifying.belief import ListedClaim
    from weightmark.provenance.artifact import Artifact
    from weightmark.provenance.ledger.event import Event
    from weightmark.scanners.findings import FileScan, Finding

__all__ = [
    "check_lines",
    "claim_facts",
    "error_facts",
    "event_facts",
    "file_scan_facts",
    "finding_lines",
    "outside_facts",
    "path_as_given",
]

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
            _SHOWN[check.outcome],
            check.name,
            check.summary,
            check.why,
            check.fix,
            check.details,
            check.code,
        )
        for check in checks
    )


def finding_lines(
    findings: "Iterable[Finding]", *, root: str = "", given: str = ""
) -> tuple[FindingLine, ...]:
    """Turn findings into lines.

    `root` is put before each path when several artifacts are shown; `given` is the artifact as it
    was called, for forms that point to files.
    """
    return tuple(_finding_line(finding, root, given) for finding in findings)


def claim_facts(claims: "Iterable[ListedClaim]") -> list[dict[str, Any]]:
    """Return claims as JSON."""
    return [
        {
            "source": claim.source,
            "predicate_type": claim.predicate_type,
            "signer": claim.signer,
            "trusted": claim.trusted,
            "identity": claim.identity or None,
            **_signer_facts(claim.verified),
        }
        for claim in claims
    ]


def _signer_facts(verified: "VerifiedBundle | None") -> dict[str, Any]:
    """Return who signed, when, and by which verified clocks; empty for what was not verified."""
    if verified is None:
        return {"subject": None, "issuer": None, "times": [], "certificate": None, "notices": []}
    certificate = verified.certificate
    return {
        "subject": verified.signer.subject or None,
        "issuer": verified.signer.issuer or None,
        "times": [{"at": _time(one.at), "clock": one.clock} for one in verified.times],
        "certificate": {
            "fingerprint": f"sha256:{certificate.fingerprint}",
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "names": list(certificate.names),
            "not_before": _time(certificate.not_before),
            "not_after": _time(certificate.not_after),
            "extensions": dict(certificate.extensions),
        }
        if certificate
        else None,
        "notices": list(verified.notices),
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def error_facts(error: WeightmarkError) -> dict[str, str]:
    """Return as JSON what kept one of several things from being read."""
    return {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}


def event_facts(event: "Event") -> dict[str, Any]:
    """Return a ledger event as JSON: digests as `sha256:<hex>`, no subject as null."""
    return {
        "kind": event.kind.value,
        "origin": event.origin,
        "event_id": event.event_id,
        "claim_id": f"sha256:{event.claim_id}",
        "claim_sha256": f"sha256:{event.claim_sha256}",
        "request_sha256": f"sha256:{event.request_sha256}",
        "subject": event.subject or None,
        "signer": event.signer,
        "submitter": event.submitter,
        "at": event.at,
    }


def file_scan_facts(files: "Iterable[FileScan]") -> list[dict[str, Any]]:
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


def outside_facts(artifact: "Artifact") -> list[dict[str, Any]]:
    """Return what lies outside of the artifact as JSON."""
    return [{"path": part.path, "files": part.files} for part in artifact.outside]


def path_as_given(path: Path, artifact: "Artifact", given: str) -> str:
    """Return a path in or beside an artifact as seen from where the caller named the artifact."""
    root = Path(given)
    seen = root.parent / path.name
    if path.is_relative_to(artifact.path):
        seen = root / path.relative_to(artifact.path)
    return str(seen if seen.resolve() == path.resolve() else path)


def _finding_line(finding: "Finding", root: str, given: str) -> FindingLine:
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
        file=_as_called(finding.path, given),
        member=finding.member,
        fingerprint=finding.fingerprint,
        engine=finding.engine,
    )


def _as_called(path: str, given: str) -> str:
    """Return a path inside an artifact as seen from where the artifact was named `given`."""
    if not given:
        return path
    root = Path(given)
    return str(root if root.name == path and not root.is_dir() else root / path)
