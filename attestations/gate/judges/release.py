"""Whether somebody who is trusted vouches for what was read."""

import shlex
from collections.abc import Iterator
from dataclasses import replace

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, SignedApproval
from weightmark.attestations.gate.judges.interface import CONTENT
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.ledger.event import format_time

__all__ = ["judge_release"]


def judge_release(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge signature and content; an approval of the identity stands in where the policy allows it."""
    if not policy.release.required:
        yield Check("signature", Outcome.INFO, "signatures are not judged, as the policy says")
        return
    signed = [check for check in evidence.checks if check.name == "signature"]
    if any(check.outcome is Outcome.NOTHING for check in signed):
        yield from (check for check in signed if check.outcome is not Outcome.NOTHING)
        yield from _without_signature(policy, evidence)
    else:
        yield from signed
    for check in evidence.checks:
        if check.name in CONTENT:
            yield replace(check, name="content", summary=f"{check.name}: {check.summary}")


def _without_signature(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    approval = _best_approval(evidence) if policy.release.approvals else None
    if approval is not None and not approval.claim.has_expired(evidence.at):
        reason = approval.claim.reason.strip().splitlines()[0]
        yield Check("signature", Outcome.PASS, f"approved by {approval.signer}: {reason}")
        yield Check("content", Outcome.PASS, "every file is as approved, by the identity")
        return
    yield _expired(approval, evidence) if approval else _unsigned(policy, evidence)
    yield Check("content", Outcome.UNCHECKED, "there is no list of files to compare with")


def _best_approval(evidence: Evidence) -> SignedApproval | None:
    """Return the approval of this very identity that lasts longest."""
    matching = [
        approval
        for approval in evidence.approvals
        if evidence.identity and approval.identity == evidence.identity
    ]
    endless = next((one for one in matching if one.claim.expires is None), None)
    return endless or max(matching, key=lambda one: one.claim.expires or evidence.at, default=None)


def _expired(approval: SignedApproval, evidence: Evidence) -> Check:
    end = format_time(approval.claim.expires or evidence.at)
    return Check(
        "signature",
        Outcome.FAIL,
        f"the approval by {approval.signer} expired at {end}",
        "nobody vouches for the artifact any more",
        _approve_command(evidence),
    )


def _unsigned(policy: Policy, evidence: Evidence) -> Check:
    path = shlex.quote(evidence.path or evidence.name)
    sign = (
        f"ask the publisher for the signature; if it is yours: `weightmark sign {path} --key KEY`"
    )
    fix = f"{sign}; if not: {_approve_command(evidence)}" if policy.release.approvals else sign
    if evidence.approvals and policy.release.approvals:
        summary = "unsigned: your signer approved another artifact"
    elif evidence.approvals:
        summary = "unsigned: the policy does not accept approvals"
    elif evidence.claims:
        summary = "unsigned: your signer made claims, but none lists the files"
    else:
        summary = "unsigned: nobody vouches for the artifact"
    return Check(
        "signature", Outcome.FAIL, summary, "a manifest claim by a trusted signer is missing", fix
    )


def _approve_command(evidence: Evidence) -> str:
    path = shlex.quote(evidence.path or evidence.name)
    return f"`weightmark attest {path} --type approval --reason REASON --key KEY`"
