"""Which earlier decisions answer: by an allowed verifier, by this very policy, about this artifact, lately.

Pure. A denial that is not older than a decision to allow takes the answer from it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from weightmark.attestations.gate.decisions.record import DecisionRecord
from weightmark.attestations.gate.decisions.replay import record_of_summary
from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.choices import DecisionClock
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.rules import GATE_VERIFIER, VsaRule
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import VerifiedBundle
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import format_time
from weightmark.values import dataclass

__all__ = ["Earlier", "Weighing", "weigh_summaries"]

_SKEW = timedelta(minutes=5)
"""by how much two honest clocks may differ"""


@dataclass(frozen=True)
class Earlier:
    """A decision to allow that may answer; what it rests on still has to hold."""

    verified: VerifiedBundle
    """the signed summary"""
    summary: VerificationSummary
    """what it says"""
    identity: str
    """`wm1:…` of the artifact that it is about"""
    decided_at: datetime
    """when it was made, at the latest"""
    record: DecisionRecord | None
    """what it rests on; None for a decision by another verifier"""


@dataclass(frozen=True)
class Weighing:
    """What came of weighing summaries."""

    usable: tuple[Earlier, ...]
    """those that may answer, the newest first, one an artifact"""
    problems: tuple[str, ...]
    """why others do not"""


def weigh_summaries(
    policy: Policy, rule: VsaRule, found: Sequence[VerifiedBundle], now: datetime
) -> Weighing:
    """Return the decisions by members of the role of `rule` that may answer at `now`."""
    usable: dict[str, Earlier] = {}
    problems: list[str] = []
    denials: list[tuple[str, datetime]] = []
    for verified in found:
        try:
            one = _read(policy, rule, verified, now)
        except _UnusableError as error:
            problems.append(str(error))
            continue
        except WeightmarkError as error:
            problems.append(f"a decision by {verified.signer.name} can't be read: {error.what}")
            continue
        if not one.summary.passed:
            denials.append((one.identity, one.summary.time))
            continue
        known = usable.get(one.identity)
        if known is None or _order(one) > _order(known):
            usable[one.identity] = one
    for identity, at in denials:
        held = usable.get(identity)
        if held is None or at >= held.decided_at:
            usable.pop(identity, None)
            problems.append(f"the newest decision about `{identity[:16]}…` does not allow it")
    ordered = sorted(usable.values(), key=_order, reverse=True)
    return Weighing(tuple(ordered), tuple(dict.fromkeys(problems)))


class _UnusableError(Exception):
    """Why a decision does not answer."""


def _order(one: Earlier) -> tuple[datetime, str]:
    return one.decided_at, one.verified.claim_id


def _read(policy: Policy, rule: VsaRule, verified: VerifiedBundle, now: datetime) -> Earlier:
    """Read a summary that is about this policy; raises `_UnusableError` for one that says nothing here."""
    who = verified.signer.name
    summary = VerificationSummary.from_statement(verified.statement)
    if summary.verifier not in rule.verifiers:
        raise _UnusableError(
            f"{who} decided as `{summary.verifier[:100]}`, which is no verifier here"
        )
    if summary.policy_sha256 != policy.sha256:
        raise _UnusableError(
            f"{who} decided by another policy, sha256:{summary.policy_sha256[:16]}…"
        )
    if summary.policy_uri != policy.uri:
        raise _UnusableError(f"{who} decided for another environment, `{summary.policy_uri[-80:]}`")
    identity = _identity(verified.statement)
    if not summary.passed:
        return Earlier(verified, summary, identity, summary.time, None)
    decided_at = _time(rule, verified, summary, now)
    record = _record(policy, verified, summary)
    if record is None and _exception_ended(policy, identity, now):
        raise _UnusableError("an exception for the artifact has ended since the decision")
    return Earlier(verified, summary, identity, decided_at, record)


def _identity(statement: Statement) -> str:
    if len(statement.subjects) != 1 or not statement.subjects[0].identity:
        raise _UnusableError("a decision is about something else than one artifact")
    return statement.subjects[0].identity


def _time(
    rule: VsaRule, verified: VerifiedBundle, summary: VerificationSummary, now: datetime
) -> datetime:
    """Return when it was decided: as it says itself, and never later than a clock proves."""
    who, proven = verified.signer.name, verified.time.at if verified.time else None
    if proven is None and rule.clock is DecisionClock.VERIFIED:
        raise _UnusableError(
            f"nothing proves when {who} decided: have it signed with `--tsa-url URL`"
        )
    # differences, because the last moments of the year 9999 have none after them
    if summary.time - (proven or now) > _SKEW or summary.time - now > _SKEW:
        raise _UnusableError(f"{who} decided at {format_time(summary.time)}, which was yet to come")
    decided_at = min(summary.time, proven or summary.time)
    if now - decided_at > rule.max_age:
        raise _UnusableError(
            f"{who} decided at {format_time(decided_at)}, and the policy allows {format_age(rule.max_age)}"
        )
    return decided_at


def _exception_ended(policy: Policy, identity: str, now: datetime) -> bool:
    return any(one.artifact == identity and one.has_expired(now) for one in policy.exemptions)


def _record(
    policy: Policy, verified: VerifiedBundle, summary: VerificationSummary
) -> DecisionRecord | None:
    who = verified.signer.name
    record = record_of_summary(verified.statement)
    if record is None:
        if summary.verifier == GATE_VERIFIER:
            raise _UnusableError(f"the decision by {who} does not hold what it rests on")
        return None
    members = {name: role.trusted for name, role in policy.roles.items()}
    if dict(record.policy.members) != members:
        raise _UnusableError(f"{who} decided when the roles of the policy had other members")
    if dict(record.policy.files) != dict(policy.files):
        raise _UnusableError(f"{who} decided when files that the policy names were others")
    return record
