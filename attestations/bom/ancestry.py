"""What the artifact was made from, by its verified chain; pure, and every walk is over a finite set.

A circle in a chain ends here: each artifact stands once, the nearest first, and the artifact itself is none
of its own ancestors.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from weightmark.attestations.bom.interface import (
    BomAncestor,
    BomInput,
    BomStep,
    Fact,
    Origin,
    Source,
    plain,
)
from weightmark.attestations.chain.gaps import is_circumstance
from weightmark.attestations.chain.judging import DATA_ROLES
from weightmark.attestations.chain.model import Chain
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.trust import VerifiedBundle
from weightmark.errors import WeightmarkError
from weightmark.provenance.lineage.graph import Input, Step
from weightmark.values import dataclass

__all__ = ["ancestors_of", "steps_of"]

_MOST_PARAMETERS = 200
_LONGEST_VALUE = 400
_SPACE = 100

FactsAbout = Callable[[str], Mapping[str, tuple[Fact, ...]]]
"""gives what verified claims say of an identity"""


def steps_of(chain: Chain, verified: Iterable[VerifiedBundle]) -> tuple[BomStep, ...]:
    """Return every step of a chain, with what its claim says beyond it."""
    details = {one.claim_id: _provenance(one) for one in verified}
    steps = [
        _step(step, details.get(step.claim_id))
        for made in chain.lineage.steps.values()
        for step in made
    ]
    return tuple(sorted(steps, key=lambda one: (one.output, one.source.claim_id, one.kind)))


def ancestors_of(chain: Chain, facts_about: FactsAbout) -> tuple[BomAncestor, ...]:
    """Return what went into the artifact or its ancestors, linked or not, the nearest first."""
    uses = _uses(chain)
    linked = [
        _linked(chain, identity, depth, uses.get(identity, ()), facts_about(identity))
        for identity, depth in chain.lineage.depths.items()
        if identity != chain.lineage.root
    ]
    nearest: dict[tuple[str, str, str], BomAncestor] = {}
    for one in sorted(_unlinked(chain), key=_order, reverse=True):
        nearest[one.source.claim_id, one.name, one.uri] = one
    return tuple(sorted((*nearest.values(), *linked), key=_order))


@dataclass(frozen=True, slots=True)
class _Use:
    """That one step took an artifact."""

    role: str
    source: Source
    uri: str


def _order(one: BomAncestor) -> tuple[int, str, str, str, str]:
    return one.depth, one.identity, one.name, one.uri, one.source.claim_id


def _uses(chain: Chain) -> Mapping[str, Sequence[_Use]]:
    found: dict[str, list[_Use]] = {}
    for step in _steps(chain):
        for one in step.inputs:
            if one.identity:
                found.setdefault(one.identity, []).append(_Use(one.role, _source(step), one.uri))
    return found


def _linked(
    chain: Chain,
    identity: str,
    depth: int,
    uses: Sequence[_Use],
    facts: Mapping[str, tuple[Fact, ...]],
) -> BomAncestor:
    roles = {one.role for one in uses}
    known = chain.known.get(identity)
    nearest = min(uses, key=lambda one: (one.source.claim_id, one.uri)) if uses else None
    return BomAncestor(
        identity=identity,
        name=plain(chain.name_of(identity)),
        is_data="kind" in facts or bool(roles and roles <= DATA_ROLES),
        depth=depth,
        source=nearest.source if nearest else Source(Origin.UNKNOWN),
        vouchers=known.vouchers if known else (),
        facts={name: told for name, told in facts.items() if name != "kind"},
        uri=plain(nearest.uri) if nearest else "",
    )


def _unlinked(chain: Chain) -> Iterator[BomAncestor]:
    """Yield inputs that name no artifact by a strong digest: what they are called is all that is known."""
    for step in _steps(chain):
        for one in step.inputs:
            if not one.identity and not is_circumstance(one):
                yield BomAncestor(
                    identity="",
                    name=plain(one.label),
                    is_data=one.role in DATA_ROLES,
                    depth=chain.lineage.depths[step.output] + 1,
                    source=_source(step),
                    uri=plain(one.uri),
                    problem=plain(one.problem),
                )


def _steps(chain: Chain) -> Iterator[Step]:
    for output, made in chain.lineage.steps.items():
        if output in chain.lineage.depths:
            yield from made


def _source(step: Step) -> Source:
    return Source(Origin.CLAIMED, step.signer, step.claim_id, step.at)


def _step(step: Step, said: SlsaProvenance | None) -> BomStep:
    return BomStep(
        output=step.output,
        kind=plain(step.kind),
        builder=plain(step.builder),
        inputs=tuple(_input(one) for one in step.inputs),
        source=_source(step),
        parameters=tuple(_parameters(said.external_parameters)) if said else (),
        started=said.started if said else None,
        finished=said.finished if said else None,
    )


def _input(one: Input) -> BomInput:
    return BomInput(
        plain(one.label), plain(one.uri), plain(one.role), one.identity, plain(one.problem),
        is_circumstance(one),
    )  # fmt: skip


def _provenance(verified: VerifiedBundle) -> SlsaProvenance | None:
    if verified.statement.predicate_type != SLSA_PROVENANCE_PREDICATE:
        return None
    try:
        return SlsaProvenance.from_statement(verified.statement)
    except WeightmarkError:
        return None


def _parameters(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(given)[:_MOST_PARAMETERS]:
        value = given[name]
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        yield plain(name, _SPACE), plain(text, _LONGEST_VALUE)
    if len(given) > _MOST_PARAMETERS:
        yield "…", f"cut, {len(given)} in all"
