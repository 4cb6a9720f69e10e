"""Ancestors on disk: their claims count like others, and what the chain says is held against the bytes."""

from collections.abc import Sequence
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.gathering import (
    AtHand,
    compare_at_hand,
    content_checks,
    read_at_hand,
)
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.verifying.evidence import collect_evidence
from weightmark.errors import CallError, WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.lineage.names import shortened
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.values import dataclass

__all__ = ["Ancestors", "byte_checks", "read_ancestors"]


@dataclass(frozen=True, slots=True)
class Ancestors:
    """What was found of the ancestors that a call names."""

    read: tuple[AtHand, ...]
    """those that could be read, with their weights"""
    bundles: tuple[Bundle, ...]
    """claims beside them"""
    checks: tuple[Check, ...]
    """those that could not"""


def read_ancestors(
    paths: Sequence[Path], progress: ProgressSink | None, jobs: int | None
) -> Ancestors:
    """Read artifacts that others are said to be made from; raises `CallError` for one that is not there."""
    read: list[AtHand] = []
    bundles: list[Bundle] = []
    checks: list[Check] = []
    for path in paths:
        try:
            read.append(read_at_hand(path, progress, jobs))
            bundles += collect_evidence(open_artifact(path)).bundles
        except CallError:
            raise
        except WeightmarkError as error:
            checks.append(Check.from_error("weights", error))
    return Ancestors(tuple(read), tuple(bundles), tuple(checks))


_NO_TENSORS = Check(
    "weights",
    Outcome.INFO,
    "weights are not compared: no step has tensors on both sides that could be read here",
    "what holds no tensors can't contradict the record",
)


def byte_checks(
    path: Path,
    evidence: Evidence,
    ancestors: Ancestors,
    *,
    progress: ProgressSink | None,
    jobs: int | None,
) -> tuple[Check, ...]:
    """Hold the steps of the chain against the weights at hand: a contradiction refuses, and nothing else does."""
    chain = evidence.chain
    if chain is None:
        return (
            *ancestors.checks,
            _nothing("nobody whom the policy trusts says how it was made"),
        )
    try:
        root = read_at_hand(path, progress, jobs)
    except WeightmarkError as error:
        return (*ancestors.checks, Check.from_error("weights", error))
    if root.identity != evidence.identity:
        changed = Check(
            "weights",
            Outcome.UNCHECKED,
            "the artifact changed while it was judged",
            "its weights are not those of the identity that was judged",
            "judge it again when nothing writes to it",
        )
        return (*ancestors.checks, changed)
    found = (root, *ancestors.read)
    strangers = (
        _nothing(f"`{one.path}` ({shortened(one.identity)}) is no ancestor by its chain")
        for one in ancestors.read
        if one.identity not in chain.lineage.depths
    )
    compared = compare_at_hand(chain, found)
    is_silent = not compared and any(one.identity in chain.lineage.depths for one in ancestors.read)
    return (
        *content_checks(compared),
        *([_NO_TENSORS] if is_silent else []),
        *ancestors.checks,
        *strangers,
        *(check for one in found for check in one.unread),
    )


def _nothing(why: str) -> Check:
    return Check(
        "weights",
        Outcome.INFO,
        f"weights are not compared: {why}",
        "a step that is not stated can't be held against the bytes",
    )
