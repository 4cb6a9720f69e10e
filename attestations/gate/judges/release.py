"""Whether those who are trusted vouch for what was read."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.demands import (
    Asked,
    about,
    judge_claims,
)
from weightmark.attestations.gate.judges.interface import CONTENT
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.requirements import ReleaseRequirement, Requirement
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.provenance.ledger.event import format_time

__all__ = ["approve_command", "judge_approvals", "judge_release"]


def judge_release(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge signature and content; an approval of the identity stands in where the policy allows it."""
    rule = policy.require.release
    if rule is None:
        yield Check("signature", Outcome.INFO, "signatures are not judged, as the policy says")
        return
    signed = [check for check in evidence.checks if check.name == "signature"]
    if any(check.outcome is Outcome.NOTHING for check in signed):
        yield from (check for check in signed if check.outcome is not Outcome.NOTHING)
        yield from _without_signature(policy, rule, evidence)
    else:
        yield from signed
        yield from _agreement(policy, rule, evidence)
    for check in evidence.checks:
        if check.name in CONTENT:
            yield replace(check, name="content", summary=f"{check.name}: {check.summary}")


def _agreement(policy: Policy, rule: ReleaseRequirement, evidence: Evidence) -> Iterator[Check]:
    """Judge how many signed and when, where the policy asks for more than one signature of any time."""
    if policy.role(rule.role).threshold == 1 and rule.max_age is None:
        return
    sign = f"`weightmark sign {shlex.quote(evidence.path or evidence.name)} --key KEY`"
    asked = Asked("signature", "release", "a signature over the files", sign)
    judged = judge_claims(policy, evidence, asked, rule, lambda _: "")
    if judged.outcome is not Outcome.PASS:
        yield judged


def _without_signature(
    policy: Policy, rule: ReleaseRequirement, evidence: Evidence
) -> Iterator[Check]:
    approvals = about(evidence, "approval", rule.role, evidence.identity)
    if not rule.approvals or not approvals:
        yield _unsigned(policy, rule, evidence)
    else:
        asked = Asked("signature", "approval", "an approval", approve_command(evidence))
        judged = judge_approvals(policy, evidence, asked, rule)
        if judged.outcome is Outcome.PASS:
            named = next(one for one in approvals if not _expired(one, evidence))
            reason = _approval(named).reason.strip().splitlines()[0]
            yield replace(judged, summary=f"approved by {named.signer.name}: {reason}")
            yield Check("content", Outcome.PASS, "every file is as approved, by the identity")
            return
        yield judged
    yield Check(
        "content",
        Outcome.UNCHECKED,
        "there is no list of files to compare with",
        "nobody who is trusted lists the files",
        "mend `signature`",
    )


def judge_approvals(policy: Policy, evidence: Evidence, asked: Asked, rule: Requirement) -> Check:
    """Judge approvals of the identity; one that has ended is none."""
    found = about(evidence, "approval", rule.role, evidence.identity)
    if found and all(_expired(one, evidence) for one in found):
        last = max(found, key=lambda one: _approval(one).expires or evidence.at)
        end = format_time(_approval(last).expires or evidence.at)
        return Check(
            asked.check,
            Outcome.FAIL,
            f"the approval by {last.signer.name} expired at {end}",
            "nobody vouches for the artifact any more",
            asked.fix,
            code="approval-expired",
        )
    return judge_claims(
        policy, evidence, asked, rule, lambda one: None if _expired(one, evidence) else ""
    )


def _expired(claim: SignedClaim, evidence: Evidence) -> bool:
    return _approval(claim).has_expired(evidence.at)


def _approval(claim: SignedClaim) -> ApprovalClaim:
    return cast(ApprovalClaim, claim.predicate)


def _unsigned(policy: Policy, rule: ReleaseRequirement, evidence: Evidence) -> Check:
    path = shlex.quote(evidence.path or evidence.name)
    sign = (
        f"ask the publisher for the signature; if it is yours: `weightmark sign {path} --key KEY`"
    )
    vouch = f"{sign}; if not: {approve_command(evidence)}"
    approved = [one for one in evidence.signed if one.kind == "approval" and rule.role in one.roles]
    if approved and rule.approvals:
        vouch = (
            "get it again from where it came, or see what differs from the one that was approved with"
            f" `weightmark diff APPROVED {path}`; only if it is meant to be another: {approve_command(evidence)}"
        )
    fix = vouch if rule.approvals else f"{vouch}, and {_accepting_approvals(policy)}"
    if approved and rule.approvals:
        summary = "unsigned: your signer approved another artifact"
    elif approved:
        summary = "unsigned: the policy does not accept approvals"
    elif evidence.claims:
        summary = "unsigned: your signer made claims, but none lists the files"
    else:
        summary = "unsigned: nobody vouches for the artifact"
    return Check(
        "signature",
        Outcome.FAIL,
        summary,
        "a manifest claim by a trusted signer is missing",
        fix,
        code="unsigned",
    )


def _accepting_approvals(policy: Policy) -> str:
    if policy.is_preset:
        return "judge by a policy that accepts approvals, as `baseline`"
    return "accept approvals with `approvals = true` under `[require.release]`"


def approve_command(evidence: Evidence) -> str:
    """Return the command by which whoever judges vouches for the artifact."""
    path = shlex.quote(evidence.path or evidence.name)
    return f"`weightmark attest {path} --type approval --reason REASON --expires DATE --key KEY`"
