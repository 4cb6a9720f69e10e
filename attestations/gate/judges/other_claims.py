"""Tests, approvals, known vulnerabilities, parts: claims about the artifact itself."""

from collections.abc import Iterator
from typing import cast

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.demands import Asked, judge_claims
from weightmark.attestations.gate.judges.release import approve_command, judge_approvals
from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.requirements import (
    SbomRequirement,
    TestRequirement,
    VulnsRequirement,
)
from weightmark.attestations.predicates.bom import BillOfMaterials
from weightmark.attestations.predicates.test_result import ResultOfTests
from weightmark.attestations.predicates.vulns import Vulnerability, VulnerabilityReport
from weightmark.scanners.findings import Severity

__all__ = ["judge_approval", "judge_sbom", "judge_test", "judge_vulns"]

_WORDS = {one.word: one for one in Severity} | {"moderate": Severity.MEDIUM, "none": Severity.INFO}
_SCORES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))


def judge_test(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge results of tests."""
    rule = policy.require.test
    if rule:
        asked = Asked("test", "test", "a test result", _attest("test-result", evidence))
        yield judge_claims(policy, evidence, asked, rule, lambda one: _test_problem(one, rule))


def judge_approval(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge approvals that are asked for beside the signature."""
    rule = policy.require.approval
    if rule:
        asked = Asked("approval", "approval", "an approval", approve_command(evidence))
        yield judge_approvals(policy, evidence, asked, rule)


def judge_vulns(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge reports of known vulnerabilities."""
    rule = policy.require.vulns
    if rule:
        asked = Asked("vulns", "vulns", "a vulnerability report", _attest("vulns", evidence))
        yield judge_claims(policy, evidence, asked, rule, lambda one: _vulns_problem(one, rule))


def judge_sbom(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge bills of materials."""
    rule = policy.require.sbom
    if rule:
        asked = Asked("sbom", "sbom", "a bill of materials", _attest("cyclonedx", evidence))
        yield judge_claims(policy, evidence, asked, rule, lambda one: _sbom_problem(one, rule))


def _attest(type_: str, evidence: Evidence) -> str:
    return f"`weightmark attest {evidence.path or evidence.name} --type {type_} --predicate FILE --key KEY`"


def _test_problem(signed: SignedClaim, rule: TestRequirement) -> str:
    found = cast(ResultOfTests, signed.predicate)
    if found.result in ("PASSED", rule.result):
        return ""
    failed = f": {', '.join(found.failed[:3])}" if found.failed else ""
    return f"the result is {found.result}{failed}"


def _vulns_problem(signed: SignedClaim, rule: VulnsRequirement) -> str:
    report = cast(VulnerabilityReport, signed.predicate)
    severe = [one for one in report.vulnerabilities if _severity(one) >= rule.fail_on]
    if severe:
        return f"{severe[0].id[:80]} is {_severity(severe[0]).word}"
    if rule.max_database_age is None:
        return ""
    if report.database_updated is None:
        return "nobody says how old the scanner's knowledge was"
    if report.started - report.database_updated > rule.max_database_age:
        return f"the scanner's knowledge was older than {format_age(rule.max_database_age)}"
    return ""


def _severity(one: Vulnerability) -> Severity:
    """Return the worst severity that any method gives; one that can't be read counts as critical."""
    return max((_read_score(score) for _, score in one.severities), default=Severity.CRITICAL)


def _read_score(score: str) -> Severity:
    word = score.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        number = float(word)
    except ValueError:
        return Severity.CRITICAL
    if not 0 <= number <= 10:  # noqa: PLR2004 - the range of CVSS
        return Severity.CRITICAL
    return next((severity for least, severity in _SCORES if number >= least), Severity.LOW)


def _sbom_problem(signed: SignedClaim, rule: SbomRequirement) -> str:
    form = cast(BillOfMaterials, signed.predicate).form
    return "" if form in rule.forms else f"it is {form}, not {' or '.join(rule.forms)}"
