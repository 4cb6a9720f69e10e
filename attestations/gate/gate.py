"""From a path to a decision."""

from datetime import datetime
from pathlib import Path

from weightmark.attestations.gate.collect import Sources, gather
from weightmark.attestations.gate.decision import Decision, decide
from weightmark.attestations.policy.model import Policy
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.reading.receipts import Receipts

__all__ = ["gate"]


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
) -> Decision:
    """Decide whether `policy` lets the artifact at `path` through, reading it once.

    `receipts` count only where the policy trusts them. `jobs` threads read, and `workers` processes verify where there are many claims; see `weigh_evidence`.
    Raises `CallError` when a named file does not exist, and `TrustNotSaidError`; everything else
    that goes wrong is a check of the decision.
    """
    evidence = gather(
        path,
        policy,
        sources or Sources(),
        now=now,
        receipts=receipts,
        progress=progress,
        jobs=jobs,
        workers=workers,
    )
    return decide(policy, evidence)
