"""Judges: each turns one part of a policy and the evidence into checks.

A new one is a file here and a line in `JUDGES`. What it reads, and what it is called, also stands in

- `policy/rules.py` or `policy/requirements.py`, `policy/model.py`, `policy/reading/` and
  `policy/policy.schema.json`: the part of the policy; `policy/presets/`, where presets say it;
- `policy/explain.py` and `policy/holes.py`: what it says in words, and what it leaves open;
- `gate/evidence.py` and whoever fills it (`gate/collect.py`; `gate/claims.py` for a kind of claim);
- `gate/decision.py`: `_CHECKS` and `_demanded`, so that a demand without a check denies;
- `JUDGES_OF_ANSWERS` below, if an earlier decision can't answer it;
- `gate/summary.py` (its property in an SVR) and `policy/reading/exemptions.py`, if it can be waived;
- `cli/explanations.py`, and `cli/reasons.py` for new codes; docs/formats/policy.md.
"""

from weightmark.attestations.gate.judges.agreement import judge_agreement
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
    judge_agreement,
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
