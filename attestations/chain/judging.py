"""Judging a chain by a rule: which gaps a policy forgives, and what it demands of bases and data."""

from collections.abc import Iterator

from weightmark.attestations.chain.gaps import is_circumstance
from weightmark.attestations.chain.model import Chain, Gap, GapKind
from weightmark.attestations.chain.rule import ChainRule
from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.provenance.lineage.graph import Step
from weightmark.provenance.lineage.names import shortened

__all__ = ["DATA_ROLES", "counts", "judge_chain", "may_be_data"]

DATA_ROLES = frozenset({"data", "dataset", "training-data", "evaluation-data"})
"""what went in as data, by the role that a step gives it"""
_BASE_ROLES = frozenset({"base", "base-model", "model", "adapter"})
_OPEN_ENDS = frozenset(
    {GapKind.UNLINKED, GapKind.UNPROVEN, GapKind.UNSTATED, GapKind.WITHOUT_INPUT}
)
"""gaps of a chain that merely ends somewhere"""
_FROM_NOTHING = "train"
"""the step that begins with no artifact of others"""
_MAX_SHOWN = 20
_MAX_KIND = 40


def judge_chain(chain: Chain, rule: ChainRule) -> tuple[Check, ...]:
    """Return one check a gap that counts, and one that says how far the chain holds. Pure."""
    bad = [gap for gap in chain.gaps if counts(gap, rule)]
    ends = [gap for gap in chain.gaps if not counts(gap, rule) and not _is_listed(gap, rule)]
    checks = [_gap_check(gap) for gap in bad]
    checks += _depth_checks(chain, rule)
    checks += _allowed(chain, rule)
    checks += _unlinked(chain, rule)
    if not checks:
        count = counted(len(chain.lineage.depths), "artifact")
        checks.append(Check("chain", Outcome.PASS, f"the chain of {count} holds"))
    checks += [
        Check("chain", Outcome.INFO, gap.summary, gap.why, gap.fix, code=gap.kind.value)
        for gap in ends
    ]
    return (*checks, *_refusals(chain))


def may_be_data(role: str) -> bool:
    """Tell whether an input of this role is data, or may be: a role that is unknown or unsaid hides nothing."""
    return role not in _BASE_ROLES


def counts(gap: Gap, rule: ChainRule) -> bool:
    """Tell whether a gap is one by a rule, or an end that the rule accepts."""
    if gap.kind is GapKind.UNSTATED and (rule.signed_ends or _is_listed(gap, rule)):
        return False
    return rule.complete or gap.kind not in _OPEN_ENDS


def _is_listed(gap: Gap, rule: ChainRule) -> bool:
    return gap.kind is GapKind.UNSTATED and gap.artifact in rule.listed


def _refusals(chain: Chain) -> Iterator[Check]:
    """Name the steps that count for nothing, so that nobody takes them for unread."""
    for one in chain.refusals[:_MAX_SHOWN]:
        who = shortened(one.signer) if one.trusted else f"{one.signer}, unverified"
        why = (
            "the role of that step belongs to others"
            if one.trusted
            else "nobody of whom this call or its policy says so may state steps signed it"
        )
        kind = one.kind.rpartition("/")[2][:_MAX_KIND] if one.kind.isprintable() else "?"
        yield Check(
            "chain",
            Outcome.INFO,
            f"a step `{kind}` of `{shortened(one.artifact)}` counts for nothing: it is stated by {who}",
            why,
            "name who may state it: `[chain] role` and `steps` of a policy, or a trust flag",
            code="step-not-counted",
        )


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
    root = chain.lineage.root
    for noun, allowed, others in _lists(rule):
        for end, said in roles.items():
            # the artifact itself went into nothing, so that either list may name it
            if end in (rule.listed if end == root else allowed) or said <= others:
                continue
            why = "the policy lists those that are"
            if end == root:
                why += ", and nobody whom it trusts says how this one was made"
            yield Check(
                "chain",
                Outcome.FAIL,
                f"`{chain.name_of(end)}` ({shortened(end)}) is no allowed {noun}",
                why,
                f"add its identity to `[chain] allowed_{noun}s` if it may be used",
                code=f"{noun}-not-allowed",
            )


def _lists(rule: ChainRule) -> Iterator[tuple[str, tuple[str, ...], frozenset[str]]]:
    """Yield what a list is about, the list, and the roles that are none of its business."""
    if rule.allowed_bases:
        yield "base", rule.allowed_bases, DATA_ROLES
    if rule.allowed_datasets:
        yield "dataset", rule.allowed_datasets, _BASE_ROLES


def _unlinked(chain: Chain, rule: ChainRule) -> Iterator[Check]:
    """Refuse inputs that no list can be held against, where the chain may be incomplete otherwise."""
    if rule.complete:
        return
    steps = (step for made in chain.lineage.steps.values() for step in made)
    inputs = [
        (step, one)
        for step in steps
        for one in step.inputs
        if not one.identity and not is_circumstance(one)
    ]
    for noun, _, others in _lists(rule):
        for step, one in inputs:
            if one.role in others:
                continue
            yield Check(
                "chain",
                Outcome.FAIL,
                f"the input `{one.label[:80]}` of `{step.kind[:80]}` may be a {noun} that is not allowed",
                one.problem,
                "give the signed manifest of that input with `--claims`, or record the step again",
                code=f"{noun}-not-allowed",
            )


def _roles_of_ends(chain: Chain) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {end: set() for end in _ends(chain)}
    for steps in chain.lineage.steps.values():
        for step in steps:
            for one in step.inputs:
                if one.identity in found:
                    found[one.identity].add(one.role or "unsaid")
    if chain.lineage.root in found:
        found[chain.lineage.root].add("unsaid")
    return {end: frozenset(said) for end, said in found.items()}


def _ends(chain: Chain) -> Iterator[str]:
    """Yield what a chain ends at: a step that links to nothing leads no further, but for training from nothing."""
    for artifact in chain.lineage.depths:
        steps = chain.lineage.steps.get(artifact, ())
        if all(not step.parents and not _is_beginning(step) for step in steps):
            yield artifact


def _is_beginning(step: Step) -> bool:
    """Tell whether a step begins with no artifact: the name of a link says nothing of that."""
    return step.kind == _FROM_NOTHING and not step.foreign
