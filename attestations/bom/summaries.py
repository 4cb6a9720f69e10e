"""What a verified claim says, in one line for a person; pure."""

from collections.abc import Callable, Mapping

from weightmark.attestations.bom.interface import plain
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.bom import (
    CYCLONEDX_PREDICATE,
    SPDX_PREDICATE,
    BillOfMaterials,
)
from weightmark.attestations.predicates.classification import (
    CLASSIFICATION_PREDICATE,
    ClassificationClaim,
)
from weightmark.attestations.predicates.registry import PREDICATE_TYPES
from weightmark.attestations.predicates.release import RELEASE_PREDICATE, Release
from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE, ResultOfTests
from weightmark.attestations.predicates.vulns import VULNS_PREDICATE, VulnerabilityReport
from weightmark.attestations.statements import Statement
from weightmark.errors import WeightmarkError

__all__ = ["summary_of"]

_LONGEST = 200


def summary_of(statement: Statement) -> str:
    """Say in one line what a claim says; its type for one that says nothing in words."""
    known = PREDICATE_TYPES.get(statement.predicate_type)
    name = known.name if known else "of a type that is not read"
    words = _WORDS.get(statement.predicate_type)
    try:
        return plain(words(statement), _LONGEST) if words else name
    except WeightmarkError:
        return f"{name}, malformed"


def _approval(statement: Statement) -> str:
    return f"approved: {ApprovalClaim.from_statement(statement).reason}"


def _bill(statement: Statement) -> str:
    bill = BillOfMaterials.from_statement(statement)
    return f"bill of materials, {bill.form} {bill.version}".rstrip()


def _classification(statement: Statement) -> str:
    return f"classified as {ClassificationClaim.from_statement(statement).level}"


def _release(statement: Statement) -> str:
    return f"released as {Release.from_statement(statement).purl}"


def _scan(statement: Statement) -> str:
    scan = ScanClaim.from_statement(statement)
    return f"scan: {scan.result}" + (f" by {scan.scanner}" if scan.scanner else "")


def _tests(statement: Statement) -> str:
    tests = ResultOfTests.from_statement(statement)
    failed = f", {len(tests.failed)} failed" if tests.failed else ""
    return f"tests: {tests.result}{failed}"


def _vulnerabilities(statement: Statement) -> str:
    report = VulnerabilityReport.from_statement(statement)
    return f"vulnerabilities: {len(report.vulnerabilities)} found by {report.scanner}"


_WORDS: Mapping[str, Callable[[Statement], str]] = {
    APPROVAL_PREDICATE: _approval,
    CLASSIFICATION_PREDICATE: _classification,
    CYCLONEDX_PREDICATE: _bill,
    RELEASE_PREDICATE: _release,
    SCAN_PREDICATE: _scan,
    SPDX_PREDICATE: _bill,
    TEST_RESULT_PREDICATE: _tests,
    VULNS_PREDICATE: _vulnerabilities,
}
