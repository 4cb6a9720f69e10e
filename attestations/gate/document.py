"""The input document: what `[[rule]]` of a policy can ask for, flat, by the names of `FIELDS`."""

from collections.abc import Collection
from typing import cast

from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.licenses.expressions import licenses_in
from weightmark.attestations.policy.conditions import LICENSES, Value
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.classification import ClassificationClaim
from weightmark.attestations.predicates.test_result import ResultOfTests
from weightmark.scanners.findings import Outcome

__all__ = ["input_document"]


def input_document(policy: Policy, evidence: Evidence) -> dict[str, Value]:
    """Return what is known; a field about which nothing, or not everything, is known is left out. Pure.

    What nobody stated is no empty list: whoever holds a statement back would meet every rule that forbids.
    """
    document: dict[str, Value] = {
        "artifact.files": evidence.files,
        "artifact.name": evidence.name,
        "artifact.size": evidence.size,
        "outside.files": sum(part.files for part in evidence.outside),
    }
    if evidence.identity:
        document["artifact.identity"] = evidence.identity
    if evidence.compared_by:
        document["content.digest"] = evidence.compared_by
        document |= _known("signers", evidence.content_signers)
    document |= _scan(evidence)
    if not evidence.unasked:
        document |= _claims(policy, evidence)
        document |= _chain(evidence)
    if evidence.ledger and evidence.ledger.origin and evidence.ledger.problem is None:
        document["ledger.origin"] = evidence.ledger.origin
        document["ledger.size"] = evidence.ledger.size
        document["ledger.witnesses"] = evidence.ledger.witnesses
    return document


def _claims(policy: Policy, evidence: Evidence) -> dict[str, Value]:
    from weightmark.attestations.gate.judges.chain import along_chain
    from weightmark.attestations.gate.judges.licenses import licenses_of

    mine = [one for one in evidence.signed if one.identity == evidence.identity]
    artifacts = along_chain(evidence)
    results = {cast(ResultOfTests, one.predicate).result for one in mine if one.kind == "test"}
    levels = [
        {
            cast(ClassificationClaim, one.predicate).level
            for one in evidence.signed
            if one.kind == "classification" and one.identity == identity
        }
        for identity in artifacts
    ]
    licenses = [licenses_of(policy, evidence, one) for one in artifacts]
    names = [licenses_in(text) for said in licenses for text in said]
    return {
        "claims.kinds": tuple(sorted({one.kind for one in mine})),
        "claims.signers": tuple(sorted({one.signer.name for one in mine})),
        **_known("classification.levels", *levels),
        **(_known(LICENSES, *names) if all(licenses) else {}),
        **_known("test.results", results),
    }


def _scan(evidence: Evidence) -> dict[str, Value]:
    report = evidence.scan
    if report is None:
        return {}
    return {
        "scan.findings": len(report.findings),
        **_known("scan.formats", {one for file in report.files for one in file.formats}),
        "scan.rules": tuple(sorted({one.rule for one in report.findings})),
        "scan.unsupported": sum(file.outcome is Outcome.UNSUPPORTED for file in report.files),
    }


def _chain(evidence: Evidence) -> dict[str, Value]:
    chain = evidence.chain
    if chain is None:
        return {}
    steps = [step for made in chain.lineage.steps.values() for step in made]
    return {
        "chain.artifacts": len(chain.lineage.depths),
        **_known("chain.builders", *([step.builder] if step.builder else [] for step in steps)),
        "chain.complete": chain.complete,
        "chain.depth": chain.lineage.depth,
        "chain.ends": tuple(sorted(chain.lineage.leaves)),
        **_known("chain.steps", {step.kind for step in steps}),
    }


def _known(field: str, *parts: Collection[str]) -> dict[str, Value]:
    """Return a field with what all of its parts say; nothing where a part says nothing, or there is none."""
    if not parts or not all(parts):
        return {}
    return {field: tuple(sorted({one for part in parts for one in part}))}
