"""Required claims: which statements have to be there, by which role, and how old they may be."""

from datetime import timedelta

from weightmark.scanners.findings import Severity
from weightmark.values import dataclass

__all__ = [
    "KINDS",
    "ApprovalRequirement",
    "ClassificationRequirement",
    "DatasetRequirement",
    "ProvenanceRequirement",
    "ReleaseRequirement",
    "Requirement",
    "Requirements",
    "SbomRequirement",
    "ScanRequirement",
    "TestRequirement",
    "VulnsRequirement",
]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One claim that has to be there."""

    role: str
    """who has to make it"""
    max_age: timedelta | None = None
    """how old it may be, by a verified clock; None for any age"""


@dataclass(frozen=True, slots=True)
class ReleaseRequirement(Requirement):
    """A signature over the files."""

    approvals: bool = False
    """whether an approval of the identity by the role stands in for it"""


@dataclass(frozen=True, slots=True)
class ScanRequirement(Requirement):
    """A scan by somebody else than this gate."""

    fail_on: Severity = Severity.HIGH
    """a finding of this severity or over denies; one without severity counts as critical"""
    min_scanner: tuple[int, ...] = ()
    """the oldest version of weightmark that may have scanned; empty for any"""


@dataclass(frozen=True, slots=True)
class ProvenanceRequirement(Requirement):
    """How the artifact was made; what has to stand there says `ProvenanceRule`."""


@dataclass(frozen=True, slots=True)
class TestRequirement(Requirement):
    """A result of tests."""

    __test__ = False  # pytest collects what is called so

    result: str = "PASSED"
    """`PASSED`, or `WARNED` where warnings are accepted as well"""


@dataclass(frozen=True, slots=True)
class ApprovalRequirement(Requirement):
    """An approval of the identity, beside the signature."""


@dataclass(frozen=True, slots=True)
class VulnsRequirement(Requirement):
    """A report of known vulnerabilities."""

    fail_on: Severity = Severity.HIGH
    """a vulnerability of this severity or over denies; one without severity counts as critical"""
    max_database_age: timedelta | None = None
    """how old the scanner's knowledge may have been when it scanned; None for any age"""


@dataclass(frozen=True, slots=True)
class SbomRequirement(Requirement):
    """A bill of materials."""

    forms: tuple[str, ...] = ("CycloneDX", "SPDX")
    """any of these"""


@dataclass(frozen=True, slots=True)
class DatasetRequirement(Requirement):
    """A description of every dataset that went in, or of the artifact if it is one."""

    personal_data: tuple[str, ...] = ()
    """what may be said of personal data: `none`, `pseudonymized`, `present`; empty for anything"""


@dataclass(frozen=True, slots=True)
class ClassificationRequirement(Requirement):
    """A classification of the artifact and of everything that it was made from."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything that has to be stated; None for what nobody has to state."""

    release: ReleaseRequirement | None = None
    """who signed the files"""
    scan: ScanRequirement | None = None
    """who scanned them"""
    provenance: ProvenanceRequirement | None = None
    """who made the artifact, and how"""
    test: TestRequirement | None = None
    """who tested it"""
    approval: ApprovalRequirement | None = None
    """who approved it"""
    vulns: VulnsRequirement | None = None
    """who looked for known vulnerabilities"""
    sbom: SbomRequirement | None = None
    """who listed its parts"""
    dataset: DatasetRequirement | None = None
    """who described its data"""
    classification: ClassificationRequirement | None = None
    """who classified it"""

    @property
    def stated(self) -> dict[str, Requirement]:
        """Those that are demanded, by kind."""
        named = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: one for kind, one in named.items() if one is not None}


KINDS = (
    "release",
    "scan",
    "provenance",
    "test",
    "approval",
    "vulns",
    "sbom",
    "dataset",
    "classification",
)
"""what can be required, in the order in which it is judged"""
