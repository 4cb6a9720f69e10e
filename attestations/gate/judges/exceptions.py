"""Exceptions: failures that somebody accepts for one artifact and for a time; each is shown with its reason.

Only a failure can be excepted: what could not be checked is not known to be the one that somebody
looked at. What was revoked stays revoked. An exception holds for the very artifact that a check is
about, so one for a model covers nothing of what the model was made from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.ledger.event import format_time

__all__ = ["EXCEPTED", "excepted", "softened"]

EXCEPTED = "excepted"
"""the code of a check that somebody accepts"""
_ALONG_THE_CHAIN = frozenset(["chain", "classification", "dataset", "licenses"])
"""checks about other artifacts too; their judges know which one each is about"""
_NEVER = frozenset(["revoked"])
"""codes that nobody accepts"""


def excepted(policy: Policy, evidence: Evidence, checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks of the artifact itself, with what is excepted shown instead of failing."""
    for check in checks:
        if check.name in _ALONG_THE_CHAIN:
            yield check
        else:
            yield softened(policy, evidence, check, evidence.identity)


def softened(policy: Policy, evidence: Evidence, check: Check, identity: str) -> Check:
    """Return a check about one artifact, shown instead of failing where that artifact is excepted."""
    if check.outcome is not Outcome.FAIL or check.code in _NEVER or not identity:
        return check
    for one in policy.exemptions:
        if one.rule == check.name and one.artifact == identity and not one.has_expired(evidence.at):
            accepted = f"accepted by {one.approver} until {format_time(one.expires)}"
            return replace(
                check,
                outcome=Outcome.INFO,
                summary=f"excepted: {check.summary}",
                why=f"{accepted}: {one.reason}",
                fix="",
                code=EXCEPTED,
            )
    return check
