"""Judges: each turns one part of a policy and the evidence into checks."""

from weightmark.attestations.gate.judges.interface import Judge
from weightmark.attestations.gate.judges.ledger import judge_ledger
from weightmark.attestations.gate.judges.release import judge_release
from weightmark.attestations.gate.judges.scan import judge_scan, judge_scan_claim
from weightmark.attestations.gate.judges.tree import (
    judge_identity,
    judge_names,
    judge_outside,
    judge_sidecars,
    repeat_others,
)

__all__ = ["JUDGES", "JUDGES_WITHOUT_FILES", "Judge"]

JUDGES: tuple[Judge, ...] = (
    judge_identity,
    judge_release,
    repeat_others,
    judge_sidecars,
    judge_names,
    judge_outside,
    judge_scan,
    judge_scan_claim,
    judge_ledger,
)
"""in the order in which their checks are shown"""
JUDGES_WITHOUT_FILES: tuple[Judge, ...] = (repeat_others, judge_outside)
"""for an artifact that holds no files: nothing was given that could be allowed"""
