"""Who may write what: submissions, the registration policy, and the decision to admit.

The `ClaimVerifier` is the seam to whoever knows signatures of claims; everything here is pure.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from weightmark.errors import SubmissionRefusedError
from weightmark.provenance.ledger.event import KINDS, Event, Kind, format_time
from weightmark.provenance.ledger.predecessor import (
    CarriedRevocation,
    LeftRevocations,
    Predecessor,
)
from weightmark.provenance.ledger.registration_policy import (
    LOG_KINDS,
    SUBMITTED_KINDS,
    Owners,
    RegistrationPolicy,
    Submitter,
)
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.operations import VerifiedOperation
    from weightmark.provenance.ledger.ruling import Silence

__all__ = [
    "LOG_KINDS",
    "MAX_CLAIM_SIZE",
    "MAX_REQUEST_SIZE",
    "OWN_KINDS",
    "SINGLE_KINDS",
    "SUBMITTED_KINDS",
    "Admitted",
    "CarriedRevocation",
    "ClaimVerifier",
    "LeftRevocations",
    "Owners",
    "Predecessor",
    "RegistrationPolicy",
    "Submission",
    "Submitter",
    "VerifiedClaim",
    "VerifiedRequest",
    "admit",
    "admit_operation",
]

SINGLE_KINDS = frozenset({Kind.PROVENANCE, Kind.DECISION, Kind.DEPLOY})
"""kinds by which descent is followed and uses are listed: each about one thing, which its entry names"""
OWN_KINDS = frozenset({Kind.REVOKE, Kind.REINSTATE})
"""kinds whose claim must be signed by its submitter: one's own word, never one carried for another"""
MAX_CLAIM_SIZE = 64 * 1024 * 1024
"""bytes; the limit of a sidecar"""
MAX_REQUEST_SIZE = 1024 * 1024
"""bytes"""
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submitter hands in, as bytes."""

    claim: bytes
    """the claim: one Sigstore bundle"""
    request: bytes
    """the signed request: one Sigstore bundle over `{origin, kind, claim_id, claim_sha256, event_id, not_after}`"""
    name: str = ""
    """what messages call it, as its submitter knows it; never sent nor recorded"""


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A request whose signature was checked; only a `ClaimVerifier` builds it."""

    origin: str
    """the log that the submitter means"""
    kind: str
    """the kind that the submitter asks for"""
    claim_id: str
    """SHA-256 hex of the claim envelope's PAE"""
    claim_sha256: str
    """SHA-256 hex of the claim's bytes"""
    event_id: str
    """chosen by the submitter: the same id again is the same event"""
    not_after: datetime
    """aware; from then on the request is void"""
    submitter: str
    """`key:<fingerprint hex>` of the key, or `salted:<commitment hex>` of the identity, that signed the request"""


@dataclass(frozen=True, slots=True)
class VerifiedClaim:
    """What a claim says about itself; only a `ClaimVerifier` builds it."""

    claim_id: str
    """SHA-256 hex of the envelope's PAE"""
    kind: str
    """what its predicate type makes it"""
    subject: str
    """`wm1:<hex>`, `sha256:<hex>` or `key:<hex>`; empty when it names none"""
    signer: str
    """`key:<fingerprint hex>` or `salted:<commitment hex>` of whoever signed it"""
    subjects: int = 1
    """how many things it is about; an entry names one"""
    broken: str = ""
    """why what it says of descent cannot be followed; empty when it can, or says nothing of it"""
    proven: datetime | None = None
    """aware; when its signature existed already by a verified timestamp or log entry, the earliest"""


class ClaimVerifier(Protocol):
    """Checks signatures of requests and reads claims; the attestations wing implements it."""

    def verify_request(self, request: bytes, policy: RegistrationPolicy) -> VerifiedRequest:
        """Check that somebody whom `policy` admits signed the request, then parse it.

        Raises `SubmissionRefusedError` when nobody of them did, and `MalformedError`.
        """
        ...

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
        """Read the claim's identity, kind, subject and signer; raises `MalformedError`.

        A claim that nobody whom `policy` admits signed is of the kind `observed`.
        """
        ...

    def silenced(self, ledger: "Ledger") -> "Mapping[str, Silence]":
        """Return which parties a revocation in the ledger keeps from writing, and which revocations were lifted.

        Raises `ReadError` when a claim that tells it is missing, and `LedgerInconsistentError`.
        """
        ...

    def written_in_silence(self, ledger: "Ledger") -> "Mapping[int, str]":
        """Return entries by somebody whom an earlier entry had revoked, submitter or signer: index, and why.

        Whoever runs the log could let them in; an audit names them. Raises as `silenced`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """A submission that the registration policy admits; only `admit` builds it."""

    submission: Submission
    """the bytes"""
    request: VerifiedRequest
    """what was asked, and by whom"""
    claim: VerifiedClaim
    """what the claim is"""
    request_sha256: str
    """SHA-256 hex of the request's bytes"""
    seal: object = field(repr=False, compare=False)
    """proof of origin"""
    ruled_by: str = ""
    """claim id of the policy that admitted it; empty when it takes none"""
    refusal: SubmissionRefusedError | None = field(default=None, compare=False)
    """why nothing new is made of it, for a submitter without the kind: what stands there already is still answered"""

    def __post_init__(self) -> None:
        """Refuse values that nobody verified."""
        if self.seal is not _SEAL:
            raise TypeError("only `admit` makes a value of type Admitted")

    def event(self, now: datetime) -> Event:
        """Build the leaf for the log's clock `now`."""
        return Event(
            kind=Kind(self.request.kind),
            origin=self.request.origin,
            event_id=self.request.event_id,
            claim_id=self.claim.claim_id,
            claim_sha256=self.request.claim_sha256,
            request_sha256=self.request_sha256,
            subject=self.claim.subject,
            signer=self.claim.signer,
            submitter=self.request.submitter,
            at=format_time(now),
        )


def admit(
    policy: RegistrationPolicy,
    submission: Submission,
    verifier: ClaimVerifier,
    *,
    if_known: bool = False,
) -> Admitted:
    """Decide whether `policy` admits a submission; raises `SubmissionRefusedError` with the reason.

    What may change until the entry is written is judged then, see `Ruling`. With `if_known`, a
    submitter without the kind is refused no earlier than that either: the claim may stand in the log.
    """
    _check_sizes(submission)
    request = verifier.verify_request(submission.request, policy)
    submitter = policy.submitter(request.submitter)
    if request.origin != policy.origin:
        raise SubmissionRefusedError(
            f"the request is for the log `{request.origin}`, not for `{policy.origin}`",
            fix="sign a new request for this log",
        )
    _check_digest(submission, request)
    claim = verifier.describe_claim(submission.claim, policy)
    if claim.claim_id != request.claim_id:
        raise _another_claim(f"it names the claim id `{request.claim_id}`, not `{claim.claim_id}`")
    _check_kind(policy, submitter, request, claim)
    refusal = _lacking_role(submitter, request, claim)
    if refusal and not if_known:
        raise refusal
    digest = hashlib.sha256(submission.request).hexdigest()
    return Admitted(submission, request, claim, digest, _SEAL, policy.claim_id, refusal)


def admit_operation(operation: "VerifiedOperation", ruled_by: str = "") -> Admitted:
    """Admit what the log's own keys signed; only `verify_operation` makes such a value.

    `ruled_by` is the claim id of the policy that must still be in force when it is written.
    """
    submission = operation.submission
    return Admitted(
        submission,
        operation.request,
        operation.claim,
        hashlib.sha256(submission.request).hexdigest(),
        _SEAL,
        ruled_by,
    )


def _check_sizes(submission: Submission) -> None:
    if len(submission.claim) > MAX_CLAIM_SIZE or len(submission.request) > MAX_REQUEST_SIZE:
        raise SubmissionRefusedError(
            f"the submission is over {MAX_CLAIM_SIZE} bytes of claim or {MAX_REQUEST_SIZE} of request"
        )


def _check_digest(submission: Submission, request: VerifiedRequest) -> None:
    digest = hashlib.sha256(submission.claim).hexdigest()
    if request.claim_sha256 != digest:
        raise _another_claim(f"it names `sha256:{request.claim_sha256}`, not `sha256:{digest}`")


def _another_claim(why: str) -> SubmissionRefusedError:
    return SubmissionRefusedError(
        "the request was signed for another claim",
        why=why,
        fix="sign a new request for this claim",
    )


def _check_kind(
    policy: RegistrationPolicy,
    submitter: Submitter,
    request: VerifiedRequest,
    claim: VerifiedClaim,
) -> None:
    if request.kind not in KINDS:
        raise SubmissionRefusedError(f"`{request.kind[:80]}` is no kind of entry")
    if request.kind == Kind.OBSERVED:
        return
    if request.kind != claim.kind and not policy.knows(claim.signer):
        raise SubmissionRefusedError(
            "the signer of the claim is not admitted to this ledger",
            why="a claim counts only when its own signer is admitted, whoever submits it",
            fix="have the owners admit it with `weightmark ledger admit`, or enter that line alone with `--line N --kind observed`",
        )
    if request.kind != claim.kind:
        raise SubmissionRefusedError(
            f"the claim is of kind `{claim.kind[:80]}`, the request says `{request.kind}`",
            why="the kind follows from the claim and may only be lowered to `observed`",
            fix="leave `--kind` out",
        )
    if request.kind in LOG_KINDS:
        raise SubmissionRefusedError(
            f"entries of kind `{request.kind}` are written by the log's own operations only"
        )
    if request.kind in OWN_KINDS and claim.signer != submitter.fingerprint:
        raise SubmissionRefusedError(
            f"a claim of kind `{request.kind}` is submitted by its signer only",
            why=f"`{claim.signer}` signed it, `{submitter.fingerprint}` submits it",
            fix="submit it with the key or identity that signed it",
        )
    if claim.broken:
        raise SubmissionRefusedError(
            f"the claim of kind `{request.kind}` cannot be followed: {claim.broken}",
            why="whatever descends from something revoked would be unchecked from then on",
            fix="have it made again, or enter it with `--kind observed`, which no policy counts",
        )
    if request.kind in SINGLE_KINDS and claim.subjects > 1:
        raise SubmissionRefusedError(
            f"the claim of kind `{request.kind}` is about {claim.subjects} things, and an entry names one",
            why="nobody would find the others when something is revoked",
            fix="make a claim for each, or enter it with `--kind observed`, which no policy counts",
        )


def _lacking_role(
    submitter: Submitter, request: VerifiedRequest, claim: VerifiedClaim
) -> SubmissionRefusedError | None:
    """Return why the submitter may not write this kind of entry; None when it may."""
    if request.kind == Kind.OBSERVED or request.kind in submitter.kinds:
        return None
    if _is_about_itself(request, claim):
        return None
    return SubmissionRefusedError(
        f"the submitter `{submitter.fingerprint}` may not write entries of kind `{request.kind}`",
        fix="leave that line to somebody who may, or enter it alone with `--line N --kind observed`, which no policy counts",
    )


def _is_about_itself(request: VerifiedRequest, claim: VerifiedClaim) -> bool:
    """Tell whether somebody revokes its own key, or a claim by its id, which then binds only if it is its own."""
    own = claim.subject == claim.signer or claim.subject.startswith("sha256:")
    return request.kind == Kind.REVOKE and own
