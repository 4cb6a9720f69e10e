"""From a path to a decision."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.attestations.checks import Check
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.policy.model import Policy
from weightmark.errors import CallError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.reading.receipts import Receipts

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.gate.evidence import Evidence

__all__ = ["gate", "is_identity"]

_IDENTITY = lazy_pattern(r"wm1:[0-9a-f]{64}\Z")


def gate(
    path: str | Path,
    policy: Policy,
    sources: Sources | None = None,
    *,
    now: datetime | None = None,
    receipts: Receipts | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
    workers: int = 1,
    earlier: bool = False,
) -> "Decision":
    """Decide whether `policy` lets the artifact at `path` through, reading it once.

    `path` may be an identity, `wm1:<hex>`: nothing is read then, and only an earlier decision can allow
    it. With `earlier` such a decision answers for a path as well, where `[vsa]` of the policy takes one;
    nothing is verified then from which tensors could be opened. `receipts` count only where the policy
    trusts them. `jobs` threads read, and `workers` processes verify where there are many claims; see
    `weigh_evidence`. Safe for several threads.

    Raises `CallError` when a named file does not exist, and `TrustNotSaidError` unless the policy only warns;
    everything else that goes wrong is a check of the decision.
    """
    given = sources or Sources()
    if is_identity(path):
        if given.ancestors:
            raise CallError(
                "ancestors stand beside an identity",
                why="weights can be compared with those of files only",
                fix="name the files of the artifact, or leave `--with` out",
            )
        from weightmark.attestations.gate.decisions.earlier import asked_decision

        return _decided(policy, asked_decision(str(path), policy, given, now=now))
    told: tuple[Check, ...] = ()
    # an earlier decision did not hold these ancestors against the bytes
    if earlier and policy.vsa is not None and not given.ancestors:
        from weightmark.attestations.gate.decisions.earlier import earlier_decision

        found = earlier_decision(
            path, policy, given, now=now, receipts=receipts, progress=progress, jobs=jobs
        )
        if found.evidence:
            return _decided(policy, found.evidence)
        told = found.checks
    # the scanners are read only where something is scanned
    from weightmark.attestations.gate.collect import gather

    evidence = gather(
        path,
        policy,
        given,
        now=now,
        receipts=receipts,
        progress=progress,
        jobs=jobs,
        workers=workers,
    )
    return _decided(policy, replace(evidence, checks=(*evidence.checks, *told)))


def _decided(policy: Policy, evidence: "Evidence") -> "Decision":
    # the judges are imported while files are read, or last
    from weightmark.attestations.gate.decision import decide

    return decide(policy, evidence)


def is_identity(path: object) -> bool:
    """Tell whether the gate is asked about an identity rather than about a path."""
    return isinstance(path, str) and _IDENTITY.match(path) is not None
