"""What a decision rests on: frozen values, so that the same evidence always gives the same decision."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from weightmark.attestations.chain.model import Chain
from weightmark.attestations.checks import Check
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.predicates.registry import Predicate
from weightmark.provenance.artifact import Outside
from weightmark.provenance.ledger.event import Kind
from weightmark.scanners.findings import ScanReport
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.verifying.verification import VerifiedManifest

__all__ = ["Answer", "Evidence", "Known", "LedgerEvidence", "LedgerRecord", "SignedClaim"]


class Known(StrEnum):
    """How it is known what is being judged."""

    READ = "read"
    """every byte was read here"""
    REMEMBERED = "remembered"
    """some files were not read again, because receipts show that they did not change"""
    ASKED = "asked"
    """whoever asked says so; nothing was read here"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An earlier decision that answers in place of a new look at the content."""

    claim_id: str
    """of the signed summary, lowercase hex"""
    signer: SignerIdentity
    """who decided"""
    verifier: str
    """URI of who decided, by the summary's word"""
    decided_at: datetime
    """when"""
    replayed: bool
    """whether it holds what it rests on, which was judged anew at this moment"""


@dataclass(frozen=True)
class SignedClaim:
    """What a member of a role of the policy signed about one artifact."""

    kind: str
    """what it says: `release`, `scan`, `provenance`, …, as `[require.KIND]` calls it"""
    identity: str
    """which artifact it is about, `wm1:…`"""
    signer: SignerIdentity
    """who signed it"""
    roles: frozenset[str]
    """the roles whose member that signer is"""
    claim_id: str
    """SHA-256 of the signed bytes (PAE), lowercase hex"""
    at: datetime | None = None
    """when it existed already, by a verified clock; None when none proves it"""
    predicate: Predicate | None = None
    """what it says in its own type; None for a list of files"""
    since: datetime | None = None
    """before which it can't have been made; None when nothing says so"""


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
    witnessed_size: int = 0
    """entries under the checkpoint that witnesses cosigned; younger ones nobody but the operator saw"""
    seen_at: datetime | None = None
    """the last moment at which so many witnesses as the policy demands had seen it; None when that is not known"""


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
    verified: "VerifiedManifest | None" = None
    """content that a trusted signer lists, when every check of verification allows it"""
    claims: tuple[str, ...] = ()
    """ids of the claims by trusted signers"""
    signed: tuple[SignedClaim, ...] = ()
    """what members of the policy's roles signed, about this artifact and about those it was made from"""
    signers: tuple[SignerIdentity, ...] = ()
    """members of the policy's roles who signed anything at hand: also those who only list the files of an ancestor"""
    chain: Chain | None = None
    """what it was made from; None when the policy demands nothing of that"""
    scan: ScanReport | None = None
    """what the scan found in the same read; None when nothing was read"""
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
    compared_by: str = ""
    """the digest by which the content was compared with a trusted list; empty when it was not"""
    content_signers: tuple[str, ...] = ()
    """who listed the content that was compared"""
    known: Known = Known.READ
    """how the identity is known"""
    answer: Answer | None = None
    """the earlier decision that answers; None for a new one"""
    unasked: bool = False
    """whether a ledger was named that could not be asked for its claims, so that what seems to be missing may lie there"""
