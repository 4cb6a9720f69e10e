"""What a decision rests on: frozen values, so that the same evidence always gives the same decision."""

from datetime import datetime

from weightmark.attestations.checks import Check
from weightmark.attestations.predicates.approval import ApprovalClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.verifying.verification import VerifiedManifest
from weightmark.provenance.artifact import Outside
from weightmark.provenance.ledger.event import Kind
from weightmark.scanners.findings import ScanReport
from weightmark.values import dataclass

__all__ = ["Evidence", "LedgerEvidence", "LedgerRecord", "SignedApproval", "SignedScan"]


@dataclass(frozen=True, slots=True)
class SignedScan:
    """A scan claim by a trusted signer."""

    signer: str
    """`key:<fingerprint>`"""
    identity: str
    """which artifact it is about, `wm1:…`"""
    claim: ScanClaim
    """what it says"""


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval by a trusted signer."""

    signer: str
    """`key:<fingerprint>`"""
    identity: str
    """which artifact it is about, `wm1:…`"""
    claim: ApprovalClaim
    """what it says"""


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """An entry of a ledger that concerns the artifact or its signers."""

    index: int
    """where it stands"""
    kind: Kind
    """what it records"""
    subject: str
    """what it is about: `wm1:…` or `key:…`"""
    signer: str
    """who signed the claim, when a trusted key verified it again; else empty"""


@dataclass(frozen=True, slots=True)
class LedgerEvidence:
    """What a consulted ledger says."""

    origin: str
    """its name; empty when it could not be opened"""
    size: int
    """entries under the checkpoint that was verified"""
    root: str
    """root hash of that checkpoint, lowercase hex"""
    witnesses: int
    """how many witness cosignatures on the checkpoint were verified"""
    records: tuple[LedgerRecord, ...]
    """entries about the artifact and its signers, oldest first"""
    problem: Check | None = None
    """why it could not be consulted to the end"""
    walked: bool = True
    """whether every entry was read; otherwise the ledger's own index named those that matter"""
    revocation: Check | None = None
    """what it says of revocations; None when it was not asked"""


@dataclass(frozen=True)
class Evidence:
    """Everything that is known about one artifact when the gate decides."""

    name: str
    """last component of the path"""
    at: datetime
    """when it was gathered; aware"""
    identity: str
    """`wm1:…` of what was read; empty when it could not be identified"""
    files: int
    """how many files were listed"""
    size: int
    """their bytes"""
    checks: tuple[Check, ...]
    """what verification found, without what a policy has to judge"""
    trusted: tuple[str, ...]
    """whose signatures count, `key:<fingerprint>`; empty when signatures are not judged"""
    verified: VerifiedManifest | None = None
    """content that a trusted signer lists, when every check of verification allows it"""
    claims: tuple[str, ...] = ()
    """ids of the claims by trusted signers"""
    scan: ScanReport | None = None
    """what the scan found in the same read; None when nothing was read"""
    scan_claims: tuple[SignedScan, ...] = ()
    """what trusted signers say about their scans"""
    approvals: tuple[SignedApproval, ...] = ()
    """approvals by trusted signers"""
    outside: tuple[Outside, ...] = ()
    """what lies outside of the artifact"""
    uncovered: tuple[str, ...] = ()
    """paths that no trusted claim holds"""
    clashes: tuple[str, ...] = ()
    """names that are something else on other systems, one line each"""
    ledger: LedgerEvidence | None = None
    """what the ledger says; None when none was named"""
    path: str = ""
    """the artifact as the caller named it, for commands that are shown"""
    claims_path: str = "model.claims"
    """its claims file as seen from there"""
