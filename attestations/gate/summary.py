"""The decision as others read it: a verification summary (SLSA VSA) and a verification result (SVR), signed."""

from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.decisions.record import DecisionRecord
from weightmark.attestations.gate.decisions.replay import INPUTS, replay
from weightmark.attestations.policy.rules import GATE_VERIFIER
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.svr import SVR_PREDICATE, SimpleVerificationResult
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import VerifiedBundle
from weightmark.errors import NothingCheckedError
from weightmark.provenance.strict_json import canonical_json

__all__ = ["MAX_HELD", "VERIFIER_ID", "result_of", "sign_result", "sign_summary", "summarize"]

VERIFIER_ID = GATE_VERIFIER
"""who decided; whose word it is the signature says"""
MAX_HELD = 1024 * 1024
"""bytes up to which a summary holds what the decision rests on; of more it holds the digest"""
_ALLOWED = "WEIGHTMARK_ALLOWED"
"""property of a result: every demand of the policy is met"""
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
    """Return the summary of a decision, denials included; it holds the decision document up to `MAX_HELD`.

    `resource` is the URI under which the artifact is known; its identity if empty. The time of a
    decision that an earlier one answered is that of the earlier one: nothing was looked at since.
    Raises `NothingCheckedError` for an artifact that could not be identified: there is no subject.
    """
    policy, evidence = decision.policy, decision.evidence
    _require_subject(decision)
    levels = _levels(decision)
    record = DecisionRecord.of(decision)
    return VerificationSummary(
        verifier=VERIFIER_ID,
        time=evidence.answer.decided_at if evidence.answer else evidence.at,
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
                    for check in record.checks
                ],
                "inputs_digest": f"sha256:{record.inputs_sha256}",
            },
            **_held(record),
        },
    )


def result_of(decision: Decision) -> SimpleVerificationResult:
    """Return the simple result of a decision: what was seen to hold, and nothing at all of a denial.

    Raises as `summarize`.
    """
    policy, evidence = decision.policy, decision.evidence
    _require_subject(decision)
    properties = (_ALLOWED, *_levels(decision)) if decision.allows else ()
    return SimpleVerificationResult(
        verifier=VERIFIER_ID,
        time=evidence.answer.decided_at if evidence.answer else evidence.at,
        properties=properties,
        policies=(Descriptor(uri=policy.uri, digest={"sha256": policy.sha256}),),
    )


def sign_summary(decision: Decision, signer: Signer, *, resource: str = "") -> Bundle:
    """Sign the summary of a decision; it is verified again before it is returned."""
    summary = summarize(decision, resource=resource)
    verified = _signed(decision, signer, VSA_PREDICATE, summary.to_predicate())
    VerificationSummary.from_statement(verified.statement)
    return verified.bundle


def sign_result(decision: Decision, signer: Signer) -> Bundle:
    """Sign the simple result of a decision; it is verified again before it is returned."""
    verified = _signed(decision, signer, SVR_PREDICATE, result_of(decision).to_predicate())
    SimpleVerificationResult.from_statement(verified.statement)
    return verified.bundle


def _signed(
    decision: Decision, signer: Signer, predicate_type: str, predicate: dict[str, Any]
) -> VerifiedBundle:
    evidence = decision.evidence
    payload = Statement.about_manifest(
        evidence.name, evidence.identity, predicate_type, predicate, {}
    )
    bundle = Bundle.parse(signer.sign_statement(payload).to_bytes(), what="the signed decision")
    return signer.own_trust().verify(bundle)


def _levels(decision: Decision) -> tuple[str, ...]:
    passed = {check.name for check in decision.checks if check.outcome is Outcome.PASS}
    return tuple(level for name, level in _LEVELS.items() if name in passed)


def _held(record: DecisionRecord) -> dict[str, Any]:
    """Hold the document, where it is small and says what was decided."""
    document = record.to_json()
    too_large = len(canonical_json(document)) > MAX_HELD
    return {} if too_large or not replay(record).is_reproduced else {INPUTS: document}


def _require_subject(decision: Decision) -> None:
    if not decision.evidence.identity:
        raise NothingCheckedError(
            "no verification summary was made: the artifact could not be identified",
            why="a statement needs a subject",
            fix="mend what the checks name",
        )
