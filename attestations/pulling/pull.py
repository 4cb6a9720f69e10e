"""From an address to a folder: resolve, fetch into quarantine, judge there, place."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from weightmark.attestations.claims import parse_store, render_claims
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.locking.lock_file import LockedArtifact
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.pulling.history import History
from weightmark.attestations.pulling.placing import place, require_free
from weightmark.attestations.pulling.presence import delivered_there, source_claims
from weightmark.attestations.pulling.quarantine import Quarantine
from weightmark.attestations.pulling.transfer import Delivery, transfer
from weightmark.errors import CallError, PromiseBrokenError, RefusedError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.atomic import replace_files
from weightmark.provenance.identification import identify
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sidecars import CLAIMS, read_sidecar
from weightmark.provenance.sources.interface import Snapshot, Source
from weightmark.values import dataclass

__all__ = ["PullPlan", "Pulled", "plan_of", "pull"]


@dataclass(frozen=True)
class PullPlan:
    """What a caller wants of a pull."""

    to: Path
    """the destination; what lies there is untouched until the policy lets the new artifact through"""
    policy: Policy
    """by which rules"""
    evidence: Sources = Sources()
    """claims and a ledger from elsewhere"""
    locked: LockedArtifact | None = None
    """what a lock file pins; anything else is refused"""
    replace: History | None = None
    """what earlier pulls placed, when the caller said that such may be replaced; None forbids it"""
    jobs: int = 1
    """threads and processes that judge"""


@dataclass(frozen=True)
class Pulled:
    """What came of a pull; only what the policy lets through is placed."""

    snapshot: Snapshot
    """what the source said"""
    delivery: Delivery
    """what arrived: every byte as promised"""
    decision: Decision
    """what the gate decided about it"""
    placed: bool
    """whether it lies at the destination now"""
    judged_at: Path
    """where it lay while it was judged; hints of the decision name it"""
    present: bool = False
    """whether it lay at the destination already, and still does, whatever was decided"""


def pull(
    source: Source,
    snapshot: Snapshot,
    plan: PullPlan,
    *,
    progress: ProgressSink | None = None,
    keep: Callable[[Decision], object] | None = None,
) -> Pulled:
    """Fetch what `source` resolved, judge it in quarantine, and place it if the policy allows.

    What a lock or the address pins and lies at the destination already is judged there, and not
    fetched again.
    `keep` is called with the decision before anything is placed, to sign and record it: what it
    raises keeps the artifact from its destination. Raises `PromiseBrokenError` for other bytes than
    promised, whatever the policy says; `CallError` for a destination that may not be replaced;
    `UncheckedError` for another pull to the same place; and what fetching and judging raise.
    """
    if plan.locked:
        plan.locked.require_promised(snapshot)
    to = Path(os.path.abspath(plan.to))  # noqa: PTH100 - a link as destination is refused, not followed
    there = _found_there(to, plan.locked, progress) if plan.locked else None
    if not plan.locked:
        there = delivered_there(to, snapshot, progress)
    if there:
        with source_claims(source, snapshot) as claims:
            plan = replace(plan, evidence=_with_claims(plan.evidence, claims))
            pulled = _judged_there(snapshot, plan, there, to, keep)
            if pulled.placed:
                _add_claims(to, claims)
            return pulled
    with Quarantine.open(to, plan_of(snapshot)) as quarantine:
        try:
            require_free(to, plan.replace)
            pulled = _judged(source, snapshot, plan, quarantine, progress)
            _require_untouched(quarantine, pulled.delivery)
            if keep:
                keep(pulled.decision)
            _require_untouched(quarantine, pulled.delivery)
            if pulled.placed:
                _add_claims(quarantine.tree, (quarantine.claims,) if snapshot.claims else ())
                place(quarantine, to, plan.replace)
        except (CallError, RefusedError):
            quarantine.discard()
            raise
        if pulled.placed or pulled.decision.verdict is not Verdict.UNCHECKED:
            with suppress(OSError):
                quarantine.discard()
    return pulled


def plan_of(snapshot: Snapshot) -> str:
    """Return what has to be equal for an earlier pull's files to be of use."""
    digests = sorted(
        f"{part.label} {part.size} {sorted(part.digests.items())}" for part in snapshot.parts
    )
    return "\n".join([snapshot.pinned, *digests]) + "\n"


def _judged(
    source: Source,
    snapshot: Snapshot,
    plan: PullPlan,
    quarantine: Quarantine,
    progress: ProgressSink | None,
) -> Pulled:
    delivery = transfer(source, snapshot, quarantine, progress)
    if plan.locked:
        plan.locked.require_delivered(delivery.manifest.identity)
    evidence = _with_claims(plan.evidence, (quarantine.claims,) if snapshot.claims else ())
    return _decided(snapshot, plan, delivery, quarantine.tree, evidence=evidence, progress=progress)


def _with_claims(evidence: Sources, claims: tuple[Path, ...]) -> Sources:
    return replace(evidence, claims=(*evidence.claims, *claims))


def _found_there(
    to: Path, locked: LockedArtifact, progress: ProgressSink | None
) -> Delivery | None:
    """Return what lies at the destination, if it is what the lock pins: then nothing has to be fetched."""
    if to.is_symlink() or not to.is_dir():
        return None
    artifact = open_artifact(to)
    sizes = {entry.path: entry.size for entry in artifact.entries}
    if (
        artifact.problems
        or artifact.outside
        or sizes != {file.path: file.size for file in locked.files}
    ):
        return None
    found = identify(to, sha256=True, progress=progress)
    if found.identity != locked.identity:
        return None
    return Delivery(
        found.manifest, found.sha256, frozenset(sizes), found.manifest.total_size, seen={}
    )


def _judged_there(
    snapshot: Snapshot,
    plan: PullPlan,
    there: Delivery,
    to: Path,
    keep: Callable[[Decision], object] | None,
) -> Pulled:
    """Judge what lies at the destination already; it stays there whatever the policy says."""
    pulled = _decided(snapshot, plan, there, to, evidence=plan.evidence)
    if keep:
        keep(pulled.decision)
    return replace(pulled, present=True)


def _decided(
    snapshot: Snapshot,
    plan: PullPlan,
    delivery: Delivery,
    tree: Path,
    *,
    evidence: Sources,
    progress: ProgressSink | None = None,
) -> Pulled:
    decision = gate(
        tree,
        plan.policy,
        evidence,
        progress=progress,
        jobs=plan.jobs,
        workers=plan.jobs,
    )
    read = decision.evidence.identity
    if read and read != delivery.manifest.identity:
        raise PromiseBrokenError(
            "what was judged is not what was fetched",
            why=f"fetched {delivery.manifest.identity}, judged {read}: another process writes there",
            fix="find out which one it is, then pull again",
        )
    placed = bool(read) and not decision.blocks
    return Pulled(snapshot, delivery, decision, placed, tree)


def _require_untouched(quarantine: Quarantine, delivery: Delivery) -> None:
    """Refuse what somebody touched between the last byte and now; raises `PromiseBrokenError`."""
    now = quarantine.look()
    if now == delivery.seen:
        return
    changed = sorted(
        path for path in {*now, *delivery.seen} if now.get(path) != delivery.seen.get(path)
    )
    raise PromiseBrokenError(
        f"`{changed[0]}` changed in quarantine while it was judged",
        why="another process writes to the folder",
        fix="find out which one it is, then pull again",
    )


def _add_claims(tree: Path, stores: tuple[Path, ...]) -> None:
    """Put what the source keeps beside the artifact into its `model.claims`; what is no bundle is left behind."""
    path = tree / CLAIMS
    there = dict.fromkeys((read_sidecar(path) or b"").splitlines()) if stores else {}
    found = [
        line.bundle.to_bytes()
        for store in stores
        for file in sorted(store.iterdir())
        for line in parse_store(file.read_bytes())
        if line.bundle
    ]
    if any(line not in there for line in found):
        replace_files({path: render_claims(dict.fromkeys([*there, *found]))})
