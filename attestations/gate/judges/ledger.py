"""What a consulted ledger says: that it is whole, who released the artifact, whether it was revoked."""

import shlex
from collections.abc import Iterator

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, LedgerEvidence
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.ledger.event import Kind

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
        return
    yield _release(policy, evidence, ledger)
    if ledger.revocation is not None:
        yield ledger.revocation
    yield _witnesses(policy, ledger)


def _release(policy: Policy, evidence: Evidence, ledger: LedgerEvidence) -> Check:
    released = [
        record
        for record in ledger.records
        if record.kind is Kind.RELEASE
        and record.subject == evidence.identity
        and record.signer in evidence.trusted
    ]
    place = f"`{ledger.origin}` ({ledger.size} entries)"
    if released:
        entry = released[-1]
        return Check(
            "ledger", Outcome.PASS, f"entry {entry.index} of {place}: released by {entry.signer}"
        )
    summary = f"{place} holds no release of this artifact by a trusted signer"
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


def _witnesses(policy: Policy, ledger: LedgerEvidence) -> Check:
    needed = policy.ledger.witnesses
    if not ledger.witnesses and not needed:
        return Check("witnesses", Outcome.INFO, _UNWITNESSED)
    if ledger.witnesses >= needed:
        return Check("witnesses", Outcome.PASS, f"cosigned by {ledger.witnesses}")
    return Check(
        "witnesses",
        Outcome.FAIL,
        f"{_UNWITNESSED} (the policy demands {needed}, found {ledger.witnesses})",
        "without witnesses only the operator's word says that history stayed what it was",
        "consult a witnessed ledger, or set `[ledger] witnesses = 0`",
    )
