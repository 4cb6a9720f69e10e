"""Judging a chain by a rule: which gaps a policy forgives, and what it demands of bases and data."""

from collections.abc import Iterator, Sequence

from weightmark.attestations.chain.model import Chain, Gap, GapKind
from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.provenance.lineage.names import shortened
from weightmark.values import dataclass

__all__ = ["DATA_ROLES", "ChainRule", "judge_chain"]

DATA_ROLES = frozenset({"data", "dataset", "training-data", "evaluation-data"})
"""what went in as data, by the role that a step gives it"""
_BASE_ROLES = frozenset({"base", "base-model", "model", "adapter"})
_OPEN_ENDS = frozenset({GapKind.UNLINKED, GapKind.UNPROVEN})
"""gaps of a chain that merely ends somewhere"""


@dataclass(frozen=True, slots=True)
class ChainRule:
    """What a chain must be."""

    complete: bool = False
    """whether every input must link, and every artifact be proven or vouched for"""
    max_depth: int = 64
    """steps from the artifact to its farthest ancestor"""
    allowed_bases: tuple[str, ...] = ()
    """identities that may stand at the end of the chain as models; empty for any"""
    allowed_datasets: tuple[str, ...] = ()
    """identities that may stand at the end of the chain as data; empty for any"""


def judge_chain(chain: Chain, rule: ChainRule) -> tuple[Check, ...]:
    """Return one check a gap that counts, and one that says how far the chain holds. Pure."""
    bad = [gap for gap in chain.gaps if _counts(gap, rule)]
    ends = [gap for gap in chain.gaps if not _counts(gap, rule)]
    checks = [_gap_check(gap) for gap in bad]
    checks += _depth_checks(chain, rule)
    checks += _allowed(chain, rule)
    if not checks:
        count = counted(len(chain.lineage.depths), "artifact")
        checks.append(Check("chain", Outcome.PASS, f"the chain of {count} holds"))
    checks += [
        Check("chain", Outcome.INFO, gap.summary, gap.why, gap.fix, code=gap.kind.value)
        for gap in ends
    ]
    return tuple(checks)


def _counts(gap: Gap, rule: ChainRule) -> bool:
    return rule.complete or gap.kind not in _OPEN_ENDS


def _gap_check(gap: Gap) -> Check:
    outcome = Outcome.UNCHECKED if gap.kind is GapKind.LIMIT else Outcome.FAIL
    return Check("chain", outcome, gap.summary, gap.why, gap.fix, code=gap.kind.value)


def _depth_checks(chain: Chain, rule: ChainRule) -> list[Check]:
    depth = chain.lineage.depth
    if depth <= rule.max_depth:
        return []
    return [
        Check(
            "chain",
            Outcome.FAIL,
            f"the chain is {depth} steps deep",
            f"the policy allows {rule.max_depth}",
            "raise `[chain] max_depth` if that is meant",
            code="too-deep",
        )
    ]


def _allowed(chain: Chain, rule: ChainRule) -> Iterator[Check]:
    """Hold the ends of the chain against the lists; an end whose role nobody said counts as both."""
    roles = _roles_of_ends(chain)
    for noun, allowed, others in (
        ("base", rule.allowed_bases, DATA_ROLES),
        ("dataset", rule.allowed_datasets, _BASE_ROLES),
    ):
        if not allowed:
            continue
        for end, said in roles.items():
            if end not in allowed and not said <= others:
                yield Check(
                    "chain",
                    Outcome.FAIL,
                    f"`{chain.name_of(end)}` ({shortened(end)}) is no allowed {noun}",
                    "the policy lists those that are",
                    f"add its identity to `[chain] allowed_{noun}s` if it may be used",
                    code=f"{noun}-not-allowed",
                )


def _roles_of_ends(chain: Chain) -> dict[str, frozenset[str]]:
    ends: Sequence[str] = [one for one in chain.lineage.leaves if one != chain.lineage.root]
    found: dict[str, set[str]] = {end: set() for end in ends}
    for steps in chain.lineage.steps.values():
        for step in steps:
            for one in step.inputs:
                if one.identity in found:
                    found[one.identity].add(one.role or "unsaid")
    return {end: frozenset(said) for end, said in found.items()}
