"""What the scans of others said."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.demands import Asked, about, judge_claims
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.requirements import ScanRequirement
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.patterns import lazy_pattern
from weightmark.scanners.findings import Severity

__all__ = ["judge_scan_claim"]

_NOTHING_SCANNED = "the signer scanned, and no file was of a kind that is scanned"
_ACCEPT = (
    'accept it with `[scan] unsupported = "allow"` and without `[require.scan]` in a policy file'
)
_ASK = "ask the signer for `weightmark sign` without `--no-scan`"
_VERSION = lazy_pattern(r"weightmark ([0-9]+(?:\.[0-9]+)*)", re.ASCII)
_SCANNED = ("clean", "findings")
_SEVERITIES = {one.word: one for one in Severity}


def judge_scan_claim(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge what a role says about its own scans of this identity; without a requirement only show it."""
    rule = policy.require.scan
    release = policy.require.release
    shown = rule or release
    if shown is None or not evidence.identity:
        return
    claims = about(evidence, "scan", shown.role, evidence.identity)
    scanned = [one for one in claims if _claim(one).result in _SCANNED]
    if rule is None:
        summary = _scanned_by(scanned[-1]) if scanned else _not_scanned(claims)
        outcome = Outcome.PASS if scanned else Outcome.INFO
        yield Check("scan claim", outcome, summary)
        return
    if claims and not scanned:
        summary = _not_scanned(claims)
        fix = _ACCEPT if summary == _NOTHING_SCANNED else _ASK
        why = "the policy demands a scan by a trusted signer"
        yield Check("scan claim", Outcome.FAIL, summary, why, fix)
        return
    asked = Asked("scan claim", "scan", "a scan", _ASK)
    yield judge_claims(policy, evidence, asked, rule, lambda one: _problem(one, rule))


def _claim(signed: SignedClaim) -> ScanClaim:
    return cast(ScanClaim, signed.predicate)


def _problem(signed: SignedClaim, rule: ScanRequirement) -> str | None:
    claim = _claim(signed)
    if claim.result not in _SCANNED:
        return None
    severe = [one for one in claim.findings if _severity(one) >= rule.fail_on]
    if severe:
        worst = max(severe, key=_severity)
        return f"`{str(worst.get('rule', '?'))[:80]}` is {_severity(worst).word}"
    if not rule.min_scanner:
        return ""
    match = _VERSION.match(claim.scanner)
    version = tuple(int(part[:9]) for part in match[1].split(".")) if match else ()
    if version >= rule.min_scanner:
        return ""
    oldest = ".".join(map(str, rule.min_scanner))
    return f"it was made by {claim.scanner or 'an unnamed scanner'}, older than {oldest}"


def _severity(finding: Mapping[str, object]) -> Severity:
    """Return how bad a finding is by its own word; one that says nothing readable is the worst."""
    said = finding.get("severity")
    return _SEVERITIES.get(said, Severity.CRITICAL) if isinstance(said, str) else Severity.CRITICAL


def _not_scanned(claims: Sequence[SignedClaim]) -> str:
    if not claims:
        return "no trusted signer says that it scanned"
    if any(_claim(one).result == "unsupported" for one in claims):
        return _NOTHING_SCANNED
    return "the signer did not scan"


def _scanned_by(signed: SignedClaim) -> str:
    claim = _claim(signed)
    found = f"{len(claim.findings)} below `{claim.fail_on}`"
    said = "nothing" if claim.result == "clean" else found
    return f"{signed.signer.name} scanned with {claim.scanner or 'an unnamed scanner'} and found {said}"
