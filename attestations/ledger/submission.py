"""Submitting claims to a ledger: the signed request, and the ledger's judge of requests and claims."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OMS_PREDICATE
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.submission import SubmissionRequest
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.errors import SubmissionRefusedError, TamperedError, WrongSignerError
from weightmark.provenance.ledger.admission import Submission, VerifiedClaim, VerifiedRequest
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.proof import Receipt
from weightmark.values import dataclass

__all__ = ["KIND_OF_PREDICATE", "BundleVerifier", "kind_of", "make_submission", "submit"]

KIND_OF_PREDICATE = {
    MANIFEST_PREDICATE: Kind.RELEASE,
    OMS_PREDICATE: Kind.RELEASE,
    SCAN_PREDICATE: Kind.SCAN,
    "https://slsa.dev/provenance/v1": Kind.PROVENANCE,
    "https://in-toto.io/attestation/test-result/v0.1": Kind.TEST,
    "https://weightmark/predicates/approval/v1": Kind.APPROVE,
    "https://slsa.dev/verification_summary/v1": Kind.DECISION,
}
"""the kind of entry that follows from a claim's predicate type; all others are `observed`"""

_VALIDITY = timedelta(minutes=10)
"""how long a request may travel"""


def kind_of(claim: Bundle) -> Kind:
    """Return the kind of entry that `claim` is; raises `MalformedError` when it is no statement."""
    statement = Statement.parse(claim.envelope.payload_type, claim.envelope.payload)
    return KIND_OF_PREDICATE.get(statement.predicate_type, Kind.OBSERVED)


def make_submission(
    claim: bytes,
    origin: str,
    submitter: Signer,
    *,
    kind: str | None = None,
    now: datetime | None = None,
) -> Submission:
    """Sign the request to enter `claim` into the log `origin`.

    The event id follows from log, kind, claim, its signer and the submitter, so that asking again
    changes nothing. Two signers may sign the very same statement: the claim id alone is not enough.
    """
    bundle = Bundle.parse(claim, what="the claim")
    wanted = kind or kind_of(bundle)
    claim_of = (bundle.envelope.claim_id, bundle.key_hint)
    name = "\n".join((origin, wanted, *claim_of, submitter.identity.name))
    request = SubmissionRequest(
        origin=origin,
        kind=wanted,
        claim_id=bundle.envelope.claim_id,
        claim_sha256=hashlib.sha256(claim).hexdigest(),
        event_id=hashlib.sha256(name.encode()).hexdigest(),
        not_after=(now or datetime.now(UTC)) + _VALIDITY,
    )
    return Submission(claim, submitter.sign_statement(request.to_statement()).to_bytes())


def submit(
    ledger: Ledger,
    claims: Sequence[Bundle],
    submitter: Signer,
    *,
    kind: str | None = None,
    now: datetime | None = None,
) -> tuple[Receipt, ...]:
    """Enter claims, all or none; raises `SubmissionRefusedError` and what the ledger raises."""
    items = [
        make_submission(claim.to_bytes(), ledger.origin, submitter, kind=kind, now=now)
        for claim in claims
    ]
    return ledger.append(items, BundleVerifier(), now=now)


@dataclass(frozen=True, slots=True)
class BundleVerifier:
    """Judges requests and claims that are Sigstore bundles signed with keys."""

    def verify_request(self, request: bytes, submitters: Mapping[str, bytes]) -> VerifiedRequest:
        """Check that an admitted submitter signed the request; see `ClaimVerifier`."""
        trust = _trust_in(submitters)
        try:
            verified = trust.verify(Bundle.parse(request, what="the request"))
        except (WrongSignerError, TamperedError) as error:
            raise SubmissionRefusedError(
                "the submitter is not admitted to this ledger",
                why="none of the admitted keys signed the request",
                fix="ask the ledger's owner to admit your key, or sign with an admitted one",
            ) from error
        asked = SubmissionRequest.from_statement(verified.statement)
        return VerifiedRequest(
            origin=asked.origin,
            kind=asked.kind,
            claim_id=asked.claim_id,
            claim_sha256=asked.claim_sha256,
            event_id=asked.event_id,
            not_after=asked.not_after,
            submitter=verified.signer.name,
        )

    def describe_claim(self, claim: bytes, submitters: Mapping[str, bytes]) -> VerifiedClaim:
        """Say what the claim is and who signed it; see `ClaimVerifier`.

        A claim signed by nobody whom the log knows can only be observed: in place of its signer
        stands a commitment to the claim, which names nobody.
        """
        bundle = Bundle.parse(claim, what="the claim")
        statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
        subject = statement.subjects[0]
        named = subject.identity or (f"sha256:{subject.sha256}" if subject.sha256 else "")
        try:
            trust = _trust_in(submitters)
            signer, kind = (
                trust.verify(bundle).signer.name,
                KIND_OF_PREDICATE.get(statement.predicate_type, Kind.OBSERVED),
            )
        except (WrongSignerError, TamperedError):
            unknown = f"unknown signer\n{bundle.envelope.claim_id}\n{bundle.key_hint}"
            commitment = hashlib.sha256(unknown.encode())
            signer, kind = f"salted:{commitment.hexdigest()}", Kind.OBSERVED
        return VerifiedClaim(bundle.envelope.claim_id, kind, named, signer)


def _trust_in(submitters: Mapping[str, bytes]) -> Trust:
    """Trust the admitted keys; an empty log admits nobody, so its trust is empty as well."""
    return Trust(
        tuple(KeyAnchor(PublicKey.from_pem(pem, what=name)) for name, pem in submitters.items())
    )
