"""What a ledger that could not be asked may hold: a claim that seems to be missing is not known to be missing."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from weightmark.attestations.chain.model import GapKind
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence

__all__ = ["unsettled"]

_KINDS = (
    "approval",
    "classification",
    "dataset",
    "provenance",
    "sbom",
    "scan",
    "test",
    "vulns",
)
"""kinds of claims that a ledger gives"""
_OPEN = (
    GapKind.UNLINKED,
    GapKind.UNPROVEN,
    GapKind.UNSTATED,
    GapKind.WITHOUT_INPUT,
    GapKind.WRONG_ROLE,
)
"""gaps of a chain that one more claim can close"""
_SUPPLIED = frozenset(
    [
        *(f"{kind}-{how}" for kind in _KINDS for how in ("missing", "too-few", "too-old")),
        *(gap.value for gap in _OPEN),
        "base-not-allowed",
        "chain-too-few",
        "dataset-not-allowed",
        "license-unstated",
        "licenses-too-few",
    ]
)
"""codes of failures that one more claim can mend"""


def unsettled(evidence: Evidence, checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks, and as not made those failures that a claim in the ledger could mend.

    Whatever more claims can't mend still denies.
    """
    for check in checks:
        if not evidence.unasked or check.outcome is not Outcome.FAIL or check.code not in _SUPPLIED:
            yield check
            continue
        yield replace(
            check,
            outcome=Outcome.UNCHECKED,
            why="the ledger could not be asked, and what is missing may lie there",
            fix="ask again when the ledger answers; if nothing is there: " + check.fix,
        )
