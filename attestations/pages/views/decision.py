"""The page of a decision: each check, what it rests on, and the text of the policy."""

from typing import Any

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.decisions.encoding import encoded
from weightmark.attestations.gate.decisions.record import DecisionRecord
from weightmark.attestations.gate.decisions.replay import record_of_summary, replay
from weightmark.attestations.pages.claims import ClaimState
from weightmark.attestations.pages.excerpt import MAX_CLAIM
from weightmark.attestations.pages.source import Source
from weightmark.attestations.pages.views.entry import logged_at
from weightmark.attestations.pages.views.standing import Standing, standing_of
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, UncheckedError, WeightmarkError
from weightmark.provenance.ledger.event import Kind, format_time
from weightmark.values import dataclass

__all__ = ["DecisionView", "show_decision"]

_EXTENSION = "weightmark_decision"


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision of a gate."""

    origin: str
    """name of the log"""
    index: int
    """of its entry"""
    subject: str
    """what was decided about"""
    signer: str
    """who signed it"""
    at: str
    """when it was entered, by the log's clock"""
    state: ClaimState
    """whether its claim was verified for this page"""
    why: str
    """why not"""
    standing: Standing
    """revocations in force about its subject, its claim or its signer, and about what its subject was made from"""
    passed: bool | None
    """what the claim came to; None when it cannot be read"""
    word: str
    """the gate's own word: `allow`, `deny`, `would deny`, …; empty when it says none"""
    verifier: str
    """URI of who decided"""
    decided_at: str
    """when, by the claim's word"""
    resource: str
    """URI of what was judged"""
    policy_uri: str
    """which policy"""
    policy_sha256: str
    """of its text"""
    policy_text: str
    """the whole text; empty when the claim does not hold it"""
    levels: tuple[str, ...]
    """what was verified, in the words of the format"""
    inputs: tuple[str, ...]
    """ids of the claims that it rests on"""
    checks: tuple[Check, ...]
    """every check"""
    evidence: Any
    """what it rests on, as JSON; None when the claim does not hold it, and for a claim over 1 MiB"""
    left_out: bool
    """whether that is left out, because the claim is over 1 MiB"""
    replayed: str
    """what came of judging the recorded evidence again: `reproduced`, the differences, or why it was not judged"""
    contradicted: bool
    """whether the document in the claim says something else than the claim, or what was recorded leads to something else"""


def show_decision(source: Source, index: int) -> DecisionView:
    """Return a decision; raises `CallError` for an entry that is none."""
    logged = logged_at(source, index)
    event = logged.event
    if event.kind is not Kind.DECISION:
        raise CallError(f"entry {index} is no decision")
    claim = source.claim(logged)
    summary, problem = _summary(claim.statement)
    size = source.weight(event)
    record, replayed, contradicted = source.context.kept.get(
        ("decision", event.claim_sha256), lambda: _record(claim.statement, summary), size
    )
    said = summary.extensions.get(_EXTENSION, {}) if summary else {}
    said = said if isinstance(said, dict) else {}
    return DecisionView(
        origin=source.ledger.origin,
        index=index,
        subject=event.subject,
        signer=event.signer,
        at=event.at,
        state=claim.state,
        why=claim.why or problem,
        standing=standing_of(source, event.subject, f"sha256:{event.claim_id}", event.signer),
        passed=summary.passed if summary else None,
        word=str(said.get("decision", "")),
        verifier=summary.verifier if summary else "",
        decided_at=format_time(summary.time) if summary else "",
        resource=summary.resource if summary else "",
        policy_uri=summary.policy_uri if summary else "",
        policy_sha256=summary.policy_sha256 if summary else "",
        policy_text=record.policy.text if record else "",
        levels=summary.levels if summary else (),
        inputs=summary.inputs if summary else (),
        checks=_worst_first(record.checks) if record else _checks(said.get("checks")),
        evidence=encoded(record.evidence) if record and size <= MAX_CLAIM else None,
        left_out=record is not None and size > MAX_CLAIM,
        replayed=replayed,
        contradicted=contradicted,
    )


def _summary(statement: Statement | None) -> tuple[VerificationSummary | None, str]:
    if statement is None:
        return None, ""
    try:
        return VerificationSummary.from_statement(statement), ""
    except WeightmarkError as error:
        return None, error.what


def _record(
    statement: Statement | None, summary: VerificationSummary | None
) -> tuple[DecisionRecord | None, str, bool]:
    """Return the decision document in a claim, what came of judging it again, and whether that speaks against the claim."""
    if statement is None or summary is None:
        return None, "not judged again: the decision cannot be read", False
    try:
        record = record_of_summary(statement)
    except WeightmarkError as error:
        return None, f"not judged again: {error.what}", _speaks_against(error)
    if record is None:
        return None, "not judged again: the claim does not hold what the decision rests on", False
    try:
        found = replay(record)
    except WeightmarkError as error:
        return record, f"not judged again: {error.what}", _speaks_against(error)
    if found.is_reproduced:
        return record, "reproduced", False
    return record, "; ".join(found.differences), True


def _speaks_against(error: WeightmarkError) -> bool:
    """Tell an answer from not being able to look: only what could not be checked leaves the claim as it is."""
    return not isinstance(error, UncheckedError)


def _worst_first(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Put what failed first, so that no page ends before it."""
    order = {Outcome.FAIL: 0, Outcome.UNCHECKED: 1, Outcome.NOTHING: 2}
    return tuple(sorted(checks, key=lambda one: order.get(one.outcome, len(order))))


def _checks(listed: object) -> tuple[Check, ...]:
    """Read the short checks of a decision that does not hold its document."""
    found = []
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("outcome") in set(Outcome):
            outcome = Outcome(one["outcome"])
            found.append(Check(str(one.get("name", "")), outcome, str(one.get("summary", ""))))
    return _worst_first(tuple(found))
