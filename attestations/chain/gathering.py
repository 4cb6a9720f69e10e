"""Gathering a chain: claims beside the artifact and its ancestors, in stores and in a ledger, and the bytes at hand."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import partial
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.content import (
    Agreement,
    ContentCheck,
    compare_sets,
    compare_step,
)
from weightmark.attestations.chain.judging import DATA_ROLES
from weightmark.attestations.chain.model import Chain, ClaimsAbout, StepRoles
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.claimed import trust_not_said
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.errors import WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.lineage.graph import DEFAULT_BOUNDS, Bounds, Step
from weightmark.provenance.lineage.names import shortened
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.tensors import TensorTable
from weightmark.values import dataclass

__all__ = [
    "AtHand",
    "ComparedStep",
    "GatheredChain",
    "GrownChain",
    "compare_at_hand",
    "content_checks",
    "gather_chain",
    "grow_chain",
    "read_at_hand",
]


@dataclass(frozen=True, slots=True)
class ComparedStep:
    """A step whose output and one input were both at hand."""

    step: Step
    """what is claimed"""
    parent: str
    """`wm1:…` of the input"""
    check: ContentCheck
    """what the bytes say"""


@dataclass(frozen=True)
class GatheredChain:
    """A chain with everything that was looked at for it."""

    chain: Chain
    """by verified claims"""
    compared: tuple[ComparedStep, ...]
    """steps that were held against the bytes"""
    checks: tuple[Check, ...]
    """what is wrong with the files of claims themselves, and with tensors that could not be read"""
    bundles: tuple[Bundle, ...] = ()
    """everything that was found and verified for it"""
    names: Mapping[str, str] = field(default_factory=dict)
    """what the caller calls the artifacts that are on disk, by identity"""

    def name_of(self, identity: str) -> str:
        """Return what an artifact is called: by who signed, by a step, or by where it lies; else the beginning of its identity."""
        told = self.chain.name_of(identity)
        return self.names.get(identity, told) if told == shortened(identity) else told


def gather_chain(
    path: str | Path,
    roles: StepRoles | None,
    *,
    vouchers: Trust | None = None,
    at_hand: Sequence[Path] = (),
    claims: Sequence[Path] = (),
    claims_about: ClaimsAbout | None = None,
    revoked_in: Callable[[Chain], Mapping[str, str]] = lambda _: {},
    bounds: Bounds = DEFAULT_BOUNDS,
    now: datetime | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> GatheredChain:
    """Identify the artifact at `path` by reading it, and build its chain as it counts at `now`, the present unless given.

    `at_hand` names ancestors on disk: their claims are read, and weights are compared with what the
    steps claim. `claims_about` asks a ledger for more claims, `revoked_in` for what it revokes of a chain
    that was found. Raises `CallError` when something named does not exist, `TrustNotSaidError` without
    `roles`, and whatever reading raises.
    """
    root, *others = (read_at_hand(one, progress, jobs) for one in (Path(path), *at_hand))
    bundles: list[Bundle] = []
    checks: list[Check] = []
    for number, one in enumerate((root, *others)):
        evidence = collect_evidence(open_artifact(one.path), claims=claims if not number else ())
        bundles += evidence.bundles
        checks += evidence.checks
        if number and not evidence.bundles:
            checks.append(_nothing_said(one.path))
    if roles is None:
        raise trust_not_said(bundles)
    build = partial(
        build_chain,
        root.identity,
        roles=roles,
        vouchers=vouchers,
        bounds=bounds,
        now=now,
        places={one.identity: shlex.quote(str(one.path)) for one in (root, *others)},
    )
    grown = grow_chain(build, bundles, claims_about or (lambda _: ()), revoked_in=revoked_in)
    known = {one.identity: one for one in (root, *others)}
    checks += [check for one in known.values() for check in one.unread]
    return GatheredChain(
        grown.chain,
        compare_at_hand(grown.chain, tuple(known.values())),
        tuple(checks),
        grown.bundles,
        {one.identity: one.path.name or one.path.resolve().name for one in (root, *others)},
    )


def _nothing_said(path: Path) -> Check:
    return Check(
        "claims",
        Outcome.INFO,
        f"there are no claims beside `{path}`",
        "nobody says there how it was made, or vouches for it",
        "name a file of its claims with `--claims`, or sign it with `weightmark sign`",
    )


@dataclass(frozen=True, slots=True)
class AtHand:
    """An artifact on disk, as far as its weights matter."""

    path: Path
    """where it lies"""
    identity: str
    """`wm1:…` of what was read"""
    table: TensorTable | None
    """its tensors; None when it has none, they could not all be read, or several sets of them contradict each other"""
    unread: tuple[Check, ...]
    """what of its tensors could not be read"""
    sets: tuple[TensorTable, ...] = ()
    """each set of tensors by itself, where all could be read; one file may hold other weights than the next"""


def read_at_hand(path: Path, progress: ProgressSink | None, jobs: int | None) -> AtHand:
    """Identify an artifact and survey its tensors in one read; raises whatever reading raises."""
    from weightmark.scanners.tensors.survey import survey_tensors

    survey = survey_tensors(path, progress=progress, jobs=jobs)
    unread = tuple(
        Check("weights", Outcome.INFO, f"`{path.name}`: {one.error.what}", one.error.why)
        for one in survey.unread
    )
    sets = tuple(one.table for one in survey.sets if one.table.entries)
    if not sets or any(not one.is_unsupported for one in survey.unread):
        return AtHand(path, survey.identification.identity, None, unread)
    table = None
    try:
        table = TensorTable.of([entry for one in sets for entry in one.entries])
    except WeightmarkError as error:
        unread += (_several_sets(path, error, len(sets)),)
    return AtHand(path, survey.identification.identity, table, unread, sets)


def _several_sets(path: Path, error: WeightmarkError, count: int) -> Check:
    what = f"the weights of `{path.name}` are compared set by set: {error.what}"
    why = f"it holds {count} sets of weights, often the same ones in several formats"
    fix = (
        "have the step state one of the files, as `--output model.safetensors`, or keep one format"
    )
    return Check("weights", Outcome.INFO, what, why, fix)


@dataclass(frozen=True)
class GrownChain:
    """A chain, and every claim that it was built from."""

    chain: Chain
    """by verified claims"""
    bundles: tuple[Bundle, ...]
    """those that were given, then what the ledger holds about each artifact that was reached"""


def grow_chain(
    build: Callable[..., Chain],
    bundles: Iterable[Bundle],
    claims_about: ClaimsAbout,
    *,
    revoked_in: Callable[[Chain], Mapping[str, str]] = lambda _: {},
) -> GrownChain:
    """Build the chain from `bundles` and what the ledger holds about every ancestor.

    `build` is `build_chain` with everything but `bundles`, `claims_about` and `revoked`; `revoked_in` says what of
    a chain that was found is revoked.
    """
    given = tuple(bundles)
    found: list[Bundle] = []

    def about(identity: str) -> Sequence[Bundle]:
        more = claims_about(identity)
        found.extend(more)
        return more

    chain = build(bundles=given, claims_about=about)
    everything = (*given, *found)
    revoked = revoked_in(chain)
    if revoked:
        chain = build(bundles=everything, revoked=revoked)
    return GrownChain(chain, everything)


def compare_at_hand(chain: Chain, at_hand: Sequence[AtHand]) -> tuple[ComparedStep, ...]:
    """Hold every step of which output and an input are at hand against their weights. Pure."""
    return tuple(_compared(chain, {one.identity: one for one in at_hand}))


def _compared(chain: Chain, known: Mapping[str, AtHand]) -> Iterator[ComparedStep]:
    for artifact, steps in chain.lineage.steps.items():
        made = known.get(artifact)
        if made is None or not made.sets:
            continue
        for step in steps:
            for parent in step.parents:
                source = known.get(parent)
                if source is None or not source.sets:
                    continue
                if made.table and source.table:
                    check = compare_step(step.kind, made.table, source.table)
                    yield ComparedStep(step, parent, check)
                elif parent in _models(step):
                    yield ComparedStep(step, parent, _set_by_set(step, made, known))


def _models(step: Step) -> tuple[str, ...]:
    """Return the inputs whose weights went in: the numbers of a dataset are no weights."""
    data = {one.identity for one in step.inputs if one.role in DATA_ROLES}
    return tuple(one for one in step.parents if one not in data)


def _set_by_set(step: Step, made: AtHand, known: Mapping[str, AtHand]) -> ContentCheck:
    """Hold each set of the output against those of every input; one that is not at hand may explain the rest."""
    models = _models(step)
    at_hand = [known[one] for one in models if one in known]
    sets = [one for source in at_hand for one in source.sets]
    check = compare_sets(step.kind, made.sets, sets)
    if check.agreement is Agreement.CONTRADICTED and len(at_hand) < len(models):
        return ContentCheck(Agreement.OPEN, f"{check.reason}; not every input is at hand")
    return check


def content_checks(compared: Sequence[ComparedStep]) -> list[Check]:
    """Say what the bytes say; only a contradiction is bad."""
    outcomes = {
        Agreement.CONTRADICTED: Outcome.FAIL,
        Agreement.CONSISTENT: Outcome.PASS,
        Agreement.NOT_CHECKABLE: Outcome.INFO,
        Agreement.OPEN: Outcome.UNCHECKED,
    }
    checks = []
    for one in compared:
        agreement = one.check.agreement
        bad = agreement is Agreement.CONTRADICTED
        checks.append(
            Check(
                "weights",
                outcomes[agreement],
                f"`{one.step.kind[:40]}` of `{shortened(one.parent)}` is {agreement.replace('-', ' ')}: {one.check.reason}",
                why="the bytes can't come from what the statement names" if bad else "",
                fix="find out from which artifact it was made, and have the statement revoked"
                if bad
                else "",
                code="contradicted" if bad else "",
            )
        )
    return checks
