"""Who may write what: submissions, the registration policy, and the decision to admit.

The `ClaimVerifier` is the seam to whoever knows signatures of claims; everything here is pure.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Protocol

from weightmark.errors import MalformedError, SubmissionRefusedError
from weightmark.provenance.ledger.event import KINDS, Event, Kind, format_time
from weightmark.values import dataclass

__all__ = [
    "LOG_KINDS",
    "MAX_CLAIM_SIZE",
    "MAX_REQUEST_SIZE",
    "SUBMITTED_KINDS",
    "Admitted",
    "ClaimVerifier",
    "RegistrationPolicy",
    "Submission",
    "Submitter",
    "VerifiedClaim",
    "VerifiedRequest",
    "admit",
    "refuse_expired",
]

LOG_KINDS = frozenset({Kind.POLICY, Kind.KEY, Kind.REDACT, Kind.WITNESS})
"""kinds that only the log's own operations write"""
SUBMITTED_KINDS = frozenset(Kind) - LOG_KINDS
"""kinds that a submitter may be admitted for; the default of `ledger init --admit KEY`"""
MAX_CLAIM_SIZE = 64 * 1024 * 1024
"""bytes; the limit of a sidecar"""
MAX_REQUEST_SIZE = 1024 * 1024
"""bytes"""
_UNKNOWN_SIGNER = "salted:"
"""how the signer of a claim begins who is none of the admitted keys"""
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submitter hands in, as bytes."""

    claim: bytes
    """the claim: one Sigstore bundle"""
    request: bytes
    """the signed request: one Sigstore bundle over `{origin, kind, claim_id, claim_sha256, event_id, not_after}`"""


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
    """`key:<fingerprint hex>` of the key that verified the request"""


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


class ClaimVerifier(Protocol):
    """Checks signatures of requests and reads claims; the attestations wing implements it."""

    def verify_request(self, request: bytes, submitters: Mapping[str, bytes]) -> VerifiedRequest:
        """Check the request's signature against the admitted keys, then parse it.

        `submitters` maps `key:<fingerprint hex>` to a public key as PEM. Raises
        `SubmissionRefusedError` when none of them signed it and `MalformedError`.
        """
        ...

    def describe_claim(self, claim: bytes, submitters: Mapping[str, bytes]) -> VerifiedClaim:
        """Read the claim's identity, kind, subject and signer; raises `MalformedError`.

        A claim that none of the admitted keys signed is of the kind `observed`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Submitter:
    """One admitted key."""

    fingerprint: str
    """`key:<SHA-256 hex of the DER SubjectPublicKeyInfo>`"""
    public_key: bytes
    """PEM"""
    kinds: frozenset[Kind] = SUBMITTED_KINDS
    """what it may write beside `observed`"""

    @classmethod
    def from_pem(cls, pem: bytes, kinds: frozenset[Kind] = SUBMITTED_KINDS) -> "Submitter":
        """Admit the public key in `pem`; raises `MalformedError` if it is none."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization as codec

        try:
            key = codec.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise MalformedError("the submitter's key is no public key in PEM") from error
        spki = codec.PublicFormat.SubjectPublicKeyInfo
        digest = hashlib.sha256(key.public_bytes(codec.Encoding.DER, spki)).hexdigest()
        return cls(f"key:{digest}", key.public_bytes(codec.Encoding.PEM, spki), frozenset(kinds))


@dataclass(frozen=True, slots=True)
class RegistrationPolicy:
    """Who may write to a log; entry 0 holds it."""

    origin: str
    """the log that it rules"""
    log_vkey: str
    """the C2SP verifier key that signs checkpoints"""
    recovery_vkey: str
    """the C2SP verifier key of the offline recovery key"""
    submitters: tuple[Submitter, ...]
    """admitted keys, sorted by fingerprint"""

    @property
    def keys(self) -> dict[str, bytes]:
        """PEM by fingerprint, as a `ClaimVerifier` takes them."""
        return {submitter.fingerprint: submitter.public_key for submitter in self.submitters}

    def submitter(self, fingerprint: str) -> Submitter:
        """Return the admitted key; raises `SubmissionRefusedError` for an unknown one."""
        for submitter in self.submitters:
            if submitter.fingerprint == fingerprint:
                return submitter
        raise SubmissionRefusedError(
            f"the submitter `{fingerprint}` is not admitted to `{self.origin}`",
            fix="sign with an admitted key (`weightmark ledger show 0` lists them)",
        )


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


def admit(policy: RegistrationPolicy, submission: Submission, verifier: ClaimVerifier) -> Admitted:
    """Decide whether `policy` admits a submission; raises `SubmissionRefusedError` with the reason.

    Expiry is judged when the entry is written, see `refuse_expired`.
    """
    _check_sizes(submission)
    request = verifier.verify_request(submission.request, policy.keys)
    submitter = policy.submitter(request.submitter)
    if request.origin != policy.origin:
        raise SubmissionRefusedError(
            f"the request is for the log `{request.origin}`, not for `{policy.origin}`",
            fix="sign a new request for this log",
        )
    _check_digest(submission, request)
    claim = verifier.describe_claim(submission.claim, policy.keys)
    if claim.claim_id != request.claim_id:
        raise _another_claim(f"it names the claim id `{request.claim_id}`, not `{claim.claim_id}`")
    _check_kind(submitter, request, claim)
    return Admitted(
        submission, request, claim, hashlib.sha256(submission.request).hexdigest(), _SEAL
    )


def refuse_expired(request: VerifiedRequest, now: datetime) -> None:
    """Raise `SubmissionRefusedError` when the request is void at `now`."""
    if now >= request.not_after:
        raise SubmissionRefusedError(
            f"the request expired at {format_time(request.not_after)}",
            fix="sign a new request",
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


def _check_kind(submitter: Submitter, request: VerifiedRequest, claim: VerifiedClaim) -> None:
    if request.kind not in KINDS:
        raise SubmissionRefusedError(f"`{request.kind[:80]}` is no kind of entry")
    if request.kind == Kind.OBSERVED:
        return
    if request.kind != claim.kind and claim.signer.startswith(_UNKNOWN_SIGNER):
        raise SubmissionRefusedError(
            "the signer of the claim is not admitted to this ledger",
            why="a claim counts only when its own signer is admitted, whoever submits it",
            fix="admit it when the ledger is made, or enter it with `--kind observed`",
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
    if request.kind not in submitter.kinds:
        raise SubmissionRefusedError(
            f"the submitter `{submitter.fingerprint}` may not write entries of kind `{request.kind}`",
            fix="append it with `--kind observed`, which no policy counts",
        )
