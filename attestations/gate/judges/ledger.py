"""What a consulted ledger says: that it is whole, who released the artifact, whether it was revoked."""

import shlex
from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, LedgerEvidence
from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.ledger.event import Kind, format_time

__all__ = ["judge_ledger"]

_UNWITNESSED = "unwitnessed: the operator could rewrite"


def judge_ledger(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge release entry, revocations and witnesses; without a ledger say what is missing."""
    ledger = evidence.ledger
    if ledger is None:
        if policy.ledger.required:
            yield Check(
                "ledger",
                Outcome.UNCHECKED,
                "the policy demands a ledger and none was named",
                fix="name it with `--ledger PATH`",
            )
        return
    if ledger.problem is not None:
        yield ledger.problem
        if ledger.revocation is not None and ledger.revocation.outcome is Outcome.FAIL:
            yield ledger.revocation
        return
    yield _release(policy, evidence, ledger)
    if ledger.revocation is not None:
        yield ledger.revocation
    yield _witnesses(policy, ledger, evidence.at)


def _release(policy: Policy, evidence: Evidence, ledger: LedgerEvidence) -> Check:
    released = [
        record
        for record in ledger.records
        if record.kind is Kind.RELEASE
        and record.subject == evidence.identity
        and record.signer in evidence.trusted
        and (not policy.ledger.witnesses or record.index < ledger.witnessed_size)
    ]
    place = f"`{ledger.origin}` ({ledger.size} entries)"
    if released:
        entry = released[-1]
        return Check(
            "ledger", Outcome.PASS, f"entry {entry.index} of {place}: released by {entry.signer}"
        )
    seen = " that witnesses saw" if policy.ledger.witnesses else ""
    summary = f"{place} holds no release of this artifact by a trusted signer{seen}"
    if not policy.ledger.required:
        return Check("ledger", Outcome.INFO, summary)
    return Check(
        "ledger",
        Outcome.FAIL,
        summary,
        "a release entry is missing",
        "ask the publisher to enter it; if it is yours: "
        f"`weightmark ledger append {shlex.quote(evidence.claims_path)} --ledger PATH --key SUBMITTER`",
    )


def _witnesses(policy: Policy, ledger: LedgerEvidence, at: datetime) -> Check:
    # the log is loaded only where one was consulted
    from weightmark.attestations.ledger.witnessed import MAX_WITNESS_AGE

    rule = policy.ledger
    limit = rule.max_age or MAX_WITNESS_AGE
    if not ledger.witnesses and not rule.witnesses and rule.max_age is None:
        return Check("witnesses", Outcome.INFO, _UNWITNESSED)
    if ledger.witnesses < rule.witnesses:
        return Check(
            "witnesses",
            Outcome.FAIL,
            f"{_UNWITNESSED} (the policy demands {rule.witnesses}, found {ledger.witnesses})",
            "without witnesses only the operator's word says that history stayed what it was",
            "consult a ledger that the witnesses of `[ledger] witness_policy` cosign, or set `[ledger] witnesses = 0`",
            code="unwitnessed",
        )
    if rule.max_age is not None and ledger.seen_at is None:
        return Check(
            "witnesses",
            Outcome.UNCHECKED,
            "nobody proves when the ledger was as it is",
            f"the policy demands that witnesses saw it within {format_age(rule.max_age)}",
            "consult a ledger that the witnesses of `[ledger] witness_policy` cosign",
            code="unwitnessed",
        )
    seen = f", last at {format_time(ledger.seen_at)}" if ledger.seen_at else ""
    if ledger.seen_at and at - ledger.seen_at > limit:
        return Check(
            "witnesses",
            Outcome.FAIL,
            f"cosigned by {ledger.witnesses}{seen}, which is too long ago",
            f"the policy demands it within {format_age(limit)}: an old copy hides what was revoked since",
            "get the present ledger, or have it witnessed again",
            code="stale-ledger",
        )
    return Check("witnesses", Outcome.PASS, f"cosigned by {ledger.witnesses}{seen}")
