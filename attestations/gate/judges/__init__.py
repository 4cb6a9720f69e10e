"""Judges: each turns one part of a policy and the evidence into checks."""

from weightmark.attestations.gate.judges.chain import (
    judge_classification,
    judge_datasets,
    judge_lineage,
)
from weightmark.attestations.gate.judges.conditions import judge_conditions
from weightmark.attestations.gate.judges.formats import judge_formats, judge_remote_code
from weightmark.attestations.gate.judges.interface import Judge
from weightmark.attestations.gate.judges.ledger import judge_ledger
from weightmark.attestations.gate.judges.licenses import judge_licenses
from weightmark.attestations.gate.judges.other_claims import (
    judge_approval,
    judge_sbom,
    judge_test,
    judge_vulns,
)
from weightmark.attestations.gate.judges.provenance import judge_provenance
from weightmark.attestations.gate.judges.release import judge_release
from weightmark.attestations.gate.judges.scan import judge_scan
from weightmark.attestations.gate.judges.scan_claim import judge_scan_claim
from weightmark.attestations.gate.judges.tree import (
    judge_identity,
    judge_names,
    judge_outside,
    judge_sidecars,
    repeat_others,
)
from weightmark.attestations.gate.judges.validity import judge_validity

__all__ = ["JUDGES", "JUDGES_OF_ANSWERS", "JUDGES_WITHOUT_FILES", "Judge"]

JUDGES: tuple[Judge, ...] = (
    judge_validity,
    judge_identity,
    judge_release,
    repeat_others,
    judge_sidecars,
    judge_names,
    judge_outside,
    judge_scan,
    judge_formats,
    judge_remote_code,
    judge_scan_claim,
    judge_provenance,
    judge_test,
    judge_approval,
    judge_vulns,
    judge_sbom,
    judge_datasets,
    judge_classification,
    judge_lineage,
    judge_licenses,
    judge_ledger,
    judge_conditions,
)
"""in the order in which their checks are shown"""
JUDGES_OF_ANSWERS: tuple[Judge, ...] = (
    judge_validity,
    judge_identity,
    repeat_others,
    judge_sidecars,
    judge_names,
    judge_outside,
    judge_ledger,
)
"""for an artifact about which somebody decided whose word the policy takes for all the rest"""
JUDGES_WITHOUT_FILES: tuple[Judge, ...] = (repeat_others, judge_outside)
"""for an artifact that holds no files: nothing was given that could be allowed"""
