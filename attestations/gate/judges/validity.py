"""Whether the policy itself still decides."""

from collections.abc import Iterator

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.ledger.event import format_time

__all__ = ["judge_validity"]


def judge_validity(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge the end of the policy, and name exceptions for this artifact that have ended."""
    if policy.expires and evidence.at >= policy.expires:
        yield Check(
            "validity",
            Outcome.UNCHECKED,
            f"the policy expired at {format_time(policy.expires)}",
            "nobody vouches any more that it demands enough",
            "use the present one, or renew it: set `expires` and `revision`, then `weightmark policy sign FILE --key OWNER.key`",
            code="policy-expired",
        )
    for one in policy.exemptions:
        if one.artifact == evidence.identity and one.has_expired(evidence.at):
            yield Check(
                "exceptions",
                Outcome.INFO,
                f"the exception of `{one.rule}` by {one.approver} ended at {format_time(one.expires)}",
            )
