"""Claims as a report weighs them: those that count, and those that do not, with the reason."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.gate.claims import KIND_OF_TYPE
from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.deployment import DEPLOYMENT_PREDICATE
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE
from weightmark.attestations.predicates.registry import PREDICATE_TYPES, read_predicate
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.predicates.test_result import ResultOfTests
from weightmark.attestations.predicates.vsa import VerificationSummary
from weightmark.attestations.reports.interface import LOG_CLOCK
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import VerifiedBundle
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.event import parse_time
from weightmark.provenance.ledger.snapshot import LoggedEvent
from weightmark.scanners.findings import Severity
from weightmark.values import dataclass

__all__ = [
    "CountedClaim",
    "FoundClaim",
    "UncountedClaim",
    "has_looked",
    "is_clean",
    "kind_of_type",
    "shown_type",
]

_SEAL = object()
_OF_TYPE = {
    **KIND_OF_TYPE,
    MANIFEST_PREDICATE: "release",
    OMS_PREDICATE: "release",
    DEPLOYMENT_PREDICATE: "deployment",
    "https://slsa.dev/verification_summary/v1": "decision",
}
_MAX_TYPE = 100


def kind_of_type(predicate_type: str) -> str:
    """Return what a predicate type says in one word: `release`, `scan`, `decision`, …; empty for one that fills nothing."""
    return _OF_TYPE.get(predicate_type, "")


def shown_type(predicate_type: str) -> str:
    """Return the short name of a predicate type, or the beginning of it."""
    known = PREDICATE_TYPES.get(predicate_type)
    return kind_of_type(predicate_type) or (known.name if known else predicate_type[:_MAX_TYPE])


def has_looked(claim: ScanClaim) -> bool:
    """Tell whether a scan looked at all: one that says `not-scanned` is no evidence of a scan."""
    return claim.result in ("clean", "findings")


def is_clean(claim: ScanClaim) -> bool:
    """Tell whether a scan looked at all, and found nothing of severity high or over."""
    return has_looked(claim) and all(_severity(one) < Severity.HIGH for one in claim.findings)


def _severity(finding: Mapping[str, Any]) -> Severity:
    """Read a severity; one that can't be read counts as critical."""
    words = {one.word: one for one in Severity}
    return words.get(str(finding.get("severity", "")), Severity.CRITICAL)


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """A claim that nobody verified yet, and where it was found."""

    bundle: Bundle
    """the claim"""
    logged: LoggedEvent | None = None
    """its entry; None for one beside the artifact"""

    @property
    def statement(self) -> Statement:
        """What it says, unverified; raises `MalformedError` or `UnsupportedError`."""
        envelope = self.bundle.envelope
        return Statement.parse(envelope.payload_type, envelope.payload)

    @property
    def claim_id(self) -> str:
        """SHA-256 hex of what is signed; empty for a bundle without an envelope."""
        content = self.bundle.content
        return content.claim_id if isinstance(content, Envelope) else ""


@dataclass(frozen=True)
class CountedClaim:
    """A claim whose signature was verified and whose signer may say it; only `count` makes one."""

    kind: str
    """what it says, see `kind_of_type`"""
    verified: VerifiedBundle
    """the claim itself"""
    right: str
    """why the signer's word counts"""
    role: str
    """the role of the policy; empty for one whom the ledger admits"""
    predicate: object
    """what it says in its own type; None for an OMS signature"""
    logged: LoggedEvent | None
    """its entry; None for one beside the artifact"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a CountedClaim is made by weighing only")

    @classmethod
    def count(
        cls, kind: str, verified: VerifiedBundle, found: FoundClaim, right: str, role: str
    ) -> "CountedClaim":
        """Read a verified claim by somebody who may make it; raises `MalformedError`."""
        return cls(kind, verified, right, role, _read(verified.statement), found.logged, _SEAL)

    @property
    def is_bad(self) -> bool:
        """Whether it speaks against the artifact: a failed test, a denial, findings of severity high or over."""
        match self.predicate:
            case ResultOfTests() as tests:
                return tests.result == "FAILED"
            case VerificationSummary() as decision:
                return not decision.passed
            case ScanClaim() as scan:
                return has_looked(scan) and not is_clean(scan)
        return False

    @property
    def at(self) -> datetime | None:
        """When it existed already: by a verified clock, else by the log's own; never by the signer's word."""
        if self.verified.time:
            return self.verified.time.at
        return parse_time(self.logged.event.at) if self.logged else None

    @property
    def clock(self) -> str:
        """Whose clock `at` is; empty without one."""
        if self.verified.time:
            return self.verified.time.clock
        return LOG_CLOCK if self.logged else ""

    @property
    def entry(self) -> int | None:
        """Index of its entry."""
        return self.logged.index if self.logged else None

    @property
    def order(self) -> tuple[int, str]:
        """What claims are sorted by: as they were entered, those beside the artifact first."""
        return (-1 if self.logged is None else self.logged.index, self.verified.claim_id)


@dataclass(frozen=True, slots=True)
class UncountedClaim:
    """A claim that fills nothing."""

    kind: str
    """what it says that it is; unverified"""
    claim: str
    """`sha256:<hex>`; empty when it could not be read"""
    entry: int | None
    """index of its entry; None for one beside the artifact"""
    why: str
    """why it does not count"""
    unread: bool = False
    """whether it could not be checked, so that it might have counted"""

    @classmethod
    def because(cls, found: FoundClaim, why: str, *, unread: bool = False) -> "UncountedClaim":
        """Name a claim and why it does not count."""
        try:
            kind = shown_type(found.statement.predicate_type)
        except WeightmarkError:
            kind = "no statement"
        entry = found.logged.index if found.logged else None
        claim = f"sha256:{found.claim_id}" if found.claim_id else ""
        return cls(kind, claim, entry, why, unread)


def _read(statement: Statement) -> object:
    if statement.predicate_type == MANIFEST_PREDICATE:
        return CompactManifest.from_statement(statement) or ManifestClaim.from_statement(statement)
    return read_predicate(statement)
