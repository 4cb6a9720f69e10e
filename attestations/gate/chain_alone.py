"""A chain by itself, judged by the very code that judges it in a decision: gaps, exceptions, ages and thresholds."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.model import Chain
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.claims import claims_by_roles
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.judges.agreement import judge_agreement
from weightmark.attestations.gate.judges.chain import excepted_gaps, judge_lineage
from weightmark.attestations.gate.judges.validity import judge_validity
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import Trust

__all__ = ["judge_chain_alone", "judge_policy", "without_excepted"]


def judge_chain_alone(
    policy: Policy,
    chain: Chain,
    bundles: Iterable[Bundle],
    trusts: Mapping[str, Trust],
    *,
    at: datetime,
) -> tuple[Check, ...]:
    """Judge a chain that `bundles` made, as `gate` does at this moment, and say what only `gate` judges."""
    evidence = _evidence(chain, bundles, trusts, at)
    found = [*judge_lineage(policy, evidence), *judge_agreement(policy, evidence)]
    rest = _judged_elsewhere(policy)
    if rest:
        found.append(
            Check(
                "chain",
                Outcome.INFO,
                f"{', '.join(rest)}: judged by `gate` only",
                "the policy demands them of everything along the chain",
                "ask with `weightmark gate`",
            )
        )
    return tuple(found)


def judge_policy(policy: Policy, chain: Chain, at: datetime) -> tuple[Check, ...]:
    """Judge whether the policy itself still decides."""
    return tuple(judge_validity(policy, _evidence(chain, (), {}, at)))


def without_excepted(policy: Policy, chain: Chain, at: datetime) -> Chain:
    """Return the chain without the gaps that the policy excepts."""
    accepted = [gap for gap, _ in excepted_gaps(policy, _evidence(chain, (), {}, at), chain)]
    return replace(chain, gaps=tuple(gap for gap in chain.gaps if gap not in accepted))


def _evidence(
    chain: Chain, bundles: Iterable[Bundle], trusts: Mapping[str, Trust], at: datetime
) -> Evidence:
    """Return what is known where nothing but the chain is looked at."""
    told = claims_by_roles(bundles, trusts, None, at)
    root = chain.lineage.root
    return Evidence(
        "", at, root, 0, 0, (), (), signed=told.claims, signers=told.signers, chain=chain
    )


def _judged_elsewhere(policy: Policy) -> tuple[str, ...]:
    demands = {
        "`[chain]`, which this policy does not have": policy.lineage is None,
        "`[licenses]`": policy.licenses is not None,
        "`[require.dataset]`": policy.require.dataset is not None,
        "`[require.classification]`": policy.require.classification is not None,
        "`max_classification`": bool(policy.max_classification),
        "`[provenance]`": policy.require.provenance is not None,
        "`[[rule]]`": any(one.field.startswith("chain.") for one in policy.conditions),
    }
    return tuple(name for name, demanded in demands.items() if demanded)
