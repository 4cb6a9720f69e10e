"""What the scan of this very read says."""

from collections.abc import Iterator
from dataclasses import replace

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.judges.interface import MAX_DETAILS
from weightmark.attestations.policy.choices import RemoteCode, Unsupported
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.names import escape_path
from weightmark.scanners.findings import Finding, ScanReport
from weightmark.scanners.findings import Outcome as Scanned

__all__ = ["NAMED_CODE", "judge_scan", "severe_findings"]

NAMED_CODE = frozenset(["REP001", "REP002"])
"""rules that see a configuration name code for its loader to run"""


def judge_scan(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge findings, what could not be scanned, and whether anything was scanned at all."""
    report = evidence.scan
    if report is None:
        return
    severe, excepted = severe_findings(policy, evidence)
    found = [
        check
        for check in (
            _unsafe(policy, severe),
            _unchecked(report),
            _unsupported(report, policy.scan.unsupported),
        )
        if check is not None
    ]
    checks = found or [_clean(report)]
    if excepted:
        rules = ", ".join(sorted({one.rule for one in excepted}))
        summary = f"{counted(len(excepted), 'finding')} excepted: {rules}"
        checks.append(Check("scan", Outcome.INFO, summary))
    if policy.scan.required:
        yield from checks
    else:
        yield from (replace(check, outcome=Outcome.INFO) for check in checks)


def severe_findings(policy: Policy, evidence: Evidence) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that deny, and those that would if nobody had excepted their rule."""
    waived = {
        one.rule
        for one in policy.exemptions
        if one.artifact == evidence.identity and not one.has_expired(evidence.at)
    }
    accepted = NAMED_CODE if policy.scan.remote_code is RemoteCode.ALLOW else frozenset[str]()
    severe = [
        one
        for one in (evidence.scan.findings if evidence.scan else ())
        if one.severity >= policy.scan.fail_on and one.rule not in accepted
    ]
    return (
        [one for one in severe if one.rule not in waived],
        [one for one in severe if one.rule in waived],
    )


def _unsafe(policy: Policy, severe: list[Finding]) -> Check | None:
    if not severe:
        return None
    worst = max(severe, key=lambda finding: finding.severity)
    more = f" (and {len(severe) - 1} more)" if len(severe) > 1 else ""
    fail_on = policy.scan.fail_on.word
    return Check(
        "scan",
        Outcome.FAIL,
        f"{worst.severity.word}: {worst.message} in `{escape_path(worst.path)}`{more}",
        f"{worst.rule}: {worst.detail or worst.message}; the policy denies from `{fail_on}` on",
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
