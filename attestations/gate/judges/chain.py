"""What the artifact was made from: its chain, and what is said of data and secrecy all along it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from weightmark.attestations.chain.judging import judge_chain, may_be_data
from weightmark.attestations.chain.model import Chain, Gap, GapKind
from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.demands import Asked, about, distinct_signers, judge_claims
from weightmark.attestations.gate.judges.exceptions import softened
from weightmark.attestations.policy.ages import format_age
from weightmark.attestations.policy.model import RELEASE, Policy
from weightmark.attestations.policy.requirements import DatasetRequirement
from weightmark.attestations.policy.rules import LineageRule
from weightmark.attestations.predicates.classification import LEVELS, ClassificationClaim
from weightmark.attestations.predicates.dataset import DatasetClaim
from weightmark.provenance.ledger.event import format_time

__all__ = [
    "along_chain",
    "excepted_gaps",
    "judge_classification",
    "judge_datasets",
    "judge_lineage",
]


def along_chain(evidence: Evidence) -> tuple[str, ...]:
    """Return the artifact and everything that it was made from, nearest first."""
    if evidence.chain is not None:
        return tuple(evidence.chain.lineage.depths)
    return (evidence.identity,) if evidence.identity else ()


def judge_lineage(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge the chain by its rule, and how old its steps are."""
    if policy.lineage is None or evidence.chain is None:
        return
    found = list(excepted_gaps(policy, evidence, evidence.chain))
    yield from (check for _, check in found)
    left = tuple(gap for gap in evidence.chain.gaps if gap not in [one for one, _ in found])
    yield from judge_chain(replace(evidence.chain, gaps=left), policy.lineage.rule)
    yield from _ages(policy.lineage, evidence)


def judge_datasets(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge what is said of every dataset that went in; of the artifact itself when none did."""
    rule = policy.require.dataset
    if rule is None or not evidence.identity:
        return
    asked = Asked(
        "dataset",
        "dataset",
        "a description of the data",
        "`weightmark attest DATASET --type dataset --predicate FILE --key KEY`;"
        " a model is recorded as `--input base=PATH`",
    )
    for identity in _datasets(evidence) or (evidence.identity,):
        check = judge_claims(
            policy,
            evidence,
            asked,
            rule,
            lambda one: _data_problem(one, rule),
            identity=identity,
        )
        yield softened(policy, evidence, check, identity)


def judge_classification(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge the strictest level of the artifact and of everything that it was made from."""
    rule = policy.require.classification
    limit = policy.max_classification
    if rule is None and not limit:
        return
    asked = Asked(
        "classification",
        "classification",
        "a classification",
        "`weightmark attest PATH --type classification --predicate FILE --key KEY`",
    )
    for identity in along_chain(evidence) if rule else ():
        assert rule is not None  # noqa: S101 - the loop is empty otherwise
        check = judge_claims(
            policy, evidence, asked, rule, lambda one: _too_secret(one, limit), identity=identity
        )
        yield softened(policy, evidence, check, identity)
    if rule is None:
        yield from _strictest(policy, evidence, limit)


def excepted_gaps(policy: Policy, evidence: Evidence, chain: Chain) -> Iterator[tuple[Gap, Check]]:
    """Yield the gaps that are excepted for the very artifact that they are about."""
    for gap in chain.gaps:
        check = Check("chain", Outcome.FAIL, gap.summary, gap.why, gap.fix, code=gap.kind.value)
        shown = softened(policy, evidence, check, gap.artifact)
        if gap.kind is not GapKind.LIMIT and shown is not check:
            yield gap, shown


def _ages(rule: LineageRule, evidence: Evidence) -> Iterator[Check]:
    if rule.max_age is None or evidence.chain is None:
        return
    for steps in evidence.chain.lineage.steps.values():
        for step in steps:
            if step.since is None:
                yield Check(
                    "chain",
                    Outcome.UNCHECKED,
                    f"nothing proves when `{step.kind[:80]}` of `{step.output[:16]}…` was stated",
                    f"the policy allows {format_age(rule.max_age)}",
                    "have steps recorded with `--tsa-url URL` or keyless: a timestamp alone can be put there anew",
                    code="step-undated",
                )
            elif evidence.at - step.since > rule.max_age:
                yield Check(
                    "chain",
                    Outcome.FAIL,
                    f"`{step.kind[:80]}` of `{step.output[:16]}…` is of {format_time(step.since)}",
                    f"the policy allows {format_age(rule.max_age)}",
                    "make it again from what is current",
                    code="step-too-old",
                )


def _datasets(evidence: Evidence) -> tuple[str, ...]:
    """Return what went in as data, and what may have: the step that names an input does not decide what is asked of it."""
    if evidence.chain is None:
        return ()
    inputs = (
        one
        for steps in evidence.chain.lineage.steps.values()
        for step in steps
        for one in step.inputs
    )
    return tuple(
        dict.fromkeys(one.identity for one in inputs if one.identity and may_be_data(one.role))
    )


def _data_problem(signed: SignedClaim, rule: DatasetRequirement) -> str:
    said = cast(DatasetClaim, signed.predicate).personal_data
    if not rule.personal_data or said in rule.personal_data:
        return ""
    return f"personal data: {said or 'nobody says whether it holds any'}"


def _strictest(policy: Policy, evidence: Evidence, limit: str) -> Iterator[Check]:
    """Judge what is said; what nobody classified has the level that the policy gives it."""
    role = policy.require.release.role if policy.require.release else RELEASE
    artifacts = along_chain(evidence)
    for identity in artifacts:
        claims = about(evidence, "classification", role, identity)
        told = [(one, problem) for one in claims if (problem := _too_secret(one, limit))]
        checks = [
            Check(
                "classification",
                Outcome.FAIL,
                f"`{identity[:16]}…` by {one.signer.name}: {problem}",
                "an artifact is as secret as the most secret thing that it was made from",
                "use it where that level is allowed, or make it from something else",
                code="classification-refused",
            )
            for one, problem in told
        ]
        found, needed = (
            distinct_signers([one.signer for one in claims]),
            policy.role(role).threshold,
        )
        if found < needed and _is_beyond(policy.unclassified, limit):
            few = f"{found} of {counted(needed, 'signer')}" if found else "nobody"
            checks.append(_unclassified(policy, evidence, identity, limit, few))
        yield from (softened(policy, evidence, one, identity) for one in checks)
    yield Check("classification", Outcome.PASS, f"nothing else beyond `{limit}`")


def _unclassified(policy: Policy, evidence: Evidence, identity: str, limit: str, who: str) -> Check:
    what = "the artifact" if identity == evidence.identity else f"`{identity[:16]}…`"
    return Check(
        "classification",
        Outcome.FAIL,
        f"{who} whom the policy trusts classified {what}",
        f"it counts as {policy.unclassified} then, and `{limit}` is the most",
        "`weightmark attest PATH --type classification --predicate FILE --key KEY`,"
        ' or say what such an artifact counts as: `unclassified = "public"`',
        code="classification-missing",
    )


def _is_beyond(level: str, limit: str) -> bool:
    return LEVELS.index(level) > LEVELS.index(limit)


def _too_secret(signed: SignedClaim, limit: str) -> str:
    claim = cast(ClassificationClaim, signed.predicate)
    beyond = bool(limit) and _is_beyond(claim.level, limit)
    return f"it is {claim.level}, and `{limit}` is the most" if beyond else ""
