"""How many distinct signers have to agree on each step and each end of a chain."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from weightmark.attestations.chain.gaps import comes_from_elsewhere
from weightmark.attestations.chain.model import Chain
from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.judges.demands import distinct_signers
from weightmark.attestations.gate.judges.exceptions import softened
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.rules import LineageRule

__all__ = ["agreeing", "judge_agreement"]


def judge_agreement(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Hold each step and each end of the chain against the threshold of the role that has to state it."""
    lineage, chain = policy.lineage, evidence.chain
    if lineage is None or chain is None:
        return
    for artifact in chain.lineage.depths:
        found = [*_of_steps(policy, lineage, evidence, chain, artifact)]
        found += _of_end(policy, lineage, evidence, chain, artifact)
        yield from (softened(policy, evidence, one, artifact) for one in found)


def agreeing(evidence: Evidence, names: Iterable[str]) -> int:
    """Count the distinct signers of these names; one who signed nothing that was verified here is none."""
    known = {one.name: one for one in evidence.signers}
    known |= {one.signer.name: one.signer for one in evidence.signed}
    return distinct_signers([known[name] for name in dict.fromkeys(names) if name in known])


def _of_steps(
    policy: Policy, lineage: LineageRule, evidence: Evidence, chain: Chain, artifact: str
) -> Iterator[Check]:
    steps = sorted(chain.lineage.steps.get(artifact, ()), key=lambda one: one.kind)
    for kind, same in groupby(steps, key=lambda one: one.kind):
        role = lineage.steps.get(kind, lineage.role)
        needed = policy.role(role).threshold
        found = agreeing(evidence, (one.signer for one in same)) if needed > 1 else needed
        if found < needed:
            yield _too_few(f"state `{kind[:80]}` of `{artifact[:16]}…`", role, found, needed)


def _of_end(
    policy: Policy, lineage: LineageRule, evidence: Evidence, chain: Chain, artifact: str
) -> Iterator[Check]:
    """Count who approved an end, or signed it where its signature is enough; half a chain demands no ends."""
    needed = policy.role(lineage.vouchers).threshold
    known = chain.known.get(artifact)
    ends = all(comes_from_elsewhere(one) for one in chain.lineage.steps.get(artifact, ()))
    if needed == 1 or known is None or not lineage.rule.complete or not ends:
        return
    signed = lineage.rule.signed_ends or artifact in lineage.rule.listed
    names = known.vouchers if signed else known.approvers
    found = agreeing(evidence, names)
    if names and found < needed:
        yield _too_few(f"vouch for `{artifact[:16]}…`", lineage.vouchers, found, needed)


def _too_few(what: str, role: str, found: int, needed: int) -> Check:
    return Check(
        "chain",
        Outcome.FAIL,
        f"{found} of {counted(needed, 'signer')} of the role `{role}` {what}",
        "the policy asks for as many distinct ones",
        "have it stated by another member of the role as well",
        code="chain-too-few",
    )
