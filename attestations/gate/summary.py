"""The decision as others read it: a verification summary (SLSA VSA), and the signed form of it."""

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.errors import NothingCheckedError

__all__ = ["VERIFIER_ID", "sign_summary", "summarize"]

VERIFIER_ID = "https://weightmark/gate/v1"
"""who decided; whose word it is the signature says"""
_LEVELS = {
    "signature": "WEIGHTMARK_SIGNED",
    "content": "WEIGHTMARK_CONTENT",
    "scan": "WEIGHTMARK_SCANNED",
    "scan claim": "WEIGHTMARK_SCANNED_BY_SIGNER",
    "ledger": "WEIGHTMARK_RECORDED",
    "witnesses": "WEIGHTMARK_WITNESSED",
}
"""what a passed check is called in `verifiedLevels`; names that begin with `SLSA_` are not ours"""


def summarize(decision: Decision, *, resource: str = "") -> VerificationSummary:
    """Return the summary of a decision, denials included.

    `resource` is the URI under which the artifact is known; its identity if empty. Raises
    `NothingCheckedError` for an artifact that could not be identified: there is no subject.
    """
    policy, evidence = decision.policy, decision.evidence
    if not evidence.identity:
        raise NothingCheckedError(
            "no verification summary was made: the artifact could not be identified",
            why="a statement needs a subject",
            fix="mend what the checks name",
        )
    passed = {check.name for check in decision.checks if check.outcome is Outcome.PASS}
    levels = tuple(level for name, level in _LEVELS.items() if name in passed)
    return VerificationSummary(
        verifier=VERIFIER_ID,
        time=evidence.at,
        resource=resource or evidence.identity,
        policy_uri=policy.uri,
        policy_sha256=policy.sha256,
        inputs=evidence.claims,
        passed=decision.allows,
        levels=levels if decision.allows else ("FAILED",),
        extensions={
            "weightmark_decision": {
                "decision": decision.word,
                "mode": policy.mode.value,
                "fail_on": policy.scan.fail_on.word,
                "trusted": list(evidence.trusted),
                "checks": [
                    {"name": check.name, "outcome": check.outcome.value, "summary": check.summary}
                    for check in decision.checks
                ],
            }
        },
    )


def sign_summary(decision: Decision, signer: Signer, *, resource: str = "") -> Bundle:
    """Sign the summary of a decision; it is verified again before it is returned."""
    summary = summarize(decision, resource=resource)
    payload = Statement.about_manifest(
        decision.evidence.name,
        decision.evidence.identity,
        VSA_PREDICATE,
        summary.to_predicate(),
        {},
    )
    bundle = Bundle.parse(signer.sign_statement(payload).to_bytes(), what="the summary")
    VerificationSummary.from_statement(signer.own_trust().verify(bundle).statement)
    return bundle
