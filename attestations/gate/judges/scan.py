"""What the scan of this very read says, and what the signer's scan said."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, SignedScan
from weightmark.attestations.gate.judges.interface import MAX_DETAILS
from weightmark.attestations.policy.model import Policy, Unsupported
from weightmark.provenance.names import escape_path
from weightmark.scanners.findings import Outcome as Scanned
from weightmark.scanners.findings import ScanReport, Severity

__all__ = ["judge_scan", "judge_scan_claim"]

_NOTHING_SCANNED = "the signer scanned, and no file was of a kind that is scanned"
_ACCEPT = (
    'accept it with `[scan] unsupported = "allow"` and `claim_required = false` in a policy file'
)
_ASK = "ask the signer for `weightmark sign` without `--no-scan`"


def judge_scan(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge findings, what could not be scanned, and whether anything was scanned at all."""
    report = evidence.scan
    if report is None:
        return
    found = [
        check
        for check in (
            _unsafe(report, policy.scan.fail_on),
            _unchecked(report),
            _unsupported(report, policy.scan.unsupported),
        )
        if check is not None
    ]
    checks = found or [_clean(report)]
    if policy.scan.required:
        yield from checks
    else:
        yield from (replace(check, outcome=Outcome.INFO) for check in checks)


def judge_scan_claim(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge what trusted signers say about their own scans of this identity."""
    if not policy.release.required or not evidence.identity:
        return
    claims = [scan for scan in evidence.scan_claims if scan.identity == evidence.identity]
    scanned = [scan for scan in claims if scan.claim.result in ("clean", "findings")]
    if scanned:
        yield _scanned_by(scanned[-1])
        return
    summary = _not_scanned(claims)
    if not policy.scan.claim_required:
        yield Check("scan claim", Outcome.INFO, summary)
        return
    yield Check(
        "scan claim",
        Outcome.FAIL,
        summary,
        "the policy demands a scan by a trusted signer",
        _ACCEPT if summary == _NOTHING_SCANNED else _ASK,
    )


def _not_scanned(claims: Sequence[SignedScan]) -> str:
    if not claims:
        return "no trusted signer says that it scanned"
    if claims[-1].claim.result == "unsupported":
        return _NOTHING_SCANNED
    return "the signer did not scan"


def _scanned_by(scan: SignedScan) -> Check:
    found = f"{len(scan.claim.findings)} below `{scan.claim.fail_on}`"
    said = "nothing" if scan.claim.result == "clean" else found
    summary = (
        f"{scan.signer} scanned with {scan.claim.scanner or 'an unnamed scanner'} and found {said}"
    )
    return Check("scan claim", Outcome.PASS, summary)


def _unsafe(report: ScanReport, fail_on: Severity) -> Check | None:
    severe = [finding for finding in report.findings if finding.severity >= fail_on]
    if not severe:
        return None
    worst = max(severe, key=lambda finding: finding.severity)
    more = f" (and {len(severe) - 1} more)" if len(severe) > 1 else ""
    return Check(
        "scan",
        Outcome.FAIL,
        f"{worst.severity.word}: {worst.message} in `{escape_path(worst.path)}`{more}",
        f"{worst.rule}: {worst.detail or worst.message}; the policy denies from `{fail_on.word}` on",
        worst.help or "ship the weights as safetensors, or quarantine the file",
    )


def _unchecked(report: ScanReport) -> Check | None:
    stuck = [file for file in report.files if file.problems]
    if not stuck:
        return None
    more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
    return Check(
        "scan",
        Outcome.UNCHECKED,
        f"`{escape_path(stuck[0].path)}` could not be scanned: {stuck[0].problems[0]}{more}",
        "what can't be checked can't be vouched for",
        "repair or remove the file",
        tuple(f"`{escape_path(f.path)}`: {f.problems[0]}" for f in stuck[:MAX_DETAILS]),
    )


def _unsupported(report: ScanReport, rule: Unsupported) -> Check | None:
    unknown = [file.path for file in report.files if file.outcome is Scanned.UNSUPPORTED]
    details = tuple(f"`{escape_path(path)}`" for path in unknown[:MAX_DETAILS])
    if rule is Unsupported.REFUSE and unknown:
        return Check(
            "scan",
            Outcome.FAIL,
            f"{len(unknown)} of {len(report.files)} files are of a kind that can't be scanned",
            'the policy says `[scan] unsupported = "refuse"`',
            'remove them, or set `[scan] unsupported = "list"` in a policy file',
            details,
        )
    if rule is Unsupported.LIST and len(unknown) == len(report.files):
        return Check(
            "scan",
            Outcome.UNCHECKED,
            "no file is of a kind that can be scanned",
            "nothing was looked into, so nothing is known about it",
            'accept it with `[scan] unsupported = "allow"` in a policy file',
            details,
        )
    return None


def _clean(report: ScanReport) -> Check:
    total = len(report.files)
    unknown = sum(file.outcome is Scanned.UNSUPPORTED for file in report.files)
    beside = f", {len(report.findings)} below the threshold" if report.findings else ""
    listed = f", {unknown} of an unknown kind" if unknown else ""
    summary = f"{total - unknown} of {total} files scanned{beside}{listed}"
    return Check("scan", Outcome.PASS, summary)
