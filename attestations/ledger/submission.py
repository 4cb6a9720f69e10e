"""Submitting claims to a ledger: the signed request, and the ledger's judge of requests and claims."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.parties import admitted_trust, is_anonymous, party_of
from weightmark.attestations.ledger.silencing import Proven, silenced_parties, written_in_silence
from weightmark.attestations.ledger.steps import (
    held_by,
    materials_of,
    too_short_to_stand_elsewhere,
)
from weightmark.attestations.predicates.deployment import DEPLOYMENT_PREDICATE
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.oms import OMS_PREDICATE
from weightmark.attestations.predicates.revocation import (
    REINSTATEMENT_PREDICATE,
    REVOCATION_PREDICATE,
    RevocationSubject,
)
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.submission import SubmissionRequest
from weightmark.attestations.signers.interface import Signer
from weightmark.attestations.statements import Statement
from weightmark.errors import (
    LedgerInconsistentError,
    ReadError,
    SubmissionRefusedError,
    TamperedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.admission import (
    RegistrationPolicy,
    Submission,
    VerifiedClaim,
    VerifiedRequest,
)
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.proof import Receipt
from weightmark.provenance.ledger.ruling import Silence
from weightmark.provenance.ledger.snapshot import LoggedEvent
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
    DEPLOYMENT_PREDICATE: Kind.DEPLOY,
    REVOCATION_PREDICATE: Kind.REVOKE,
    REINSTATEMENT_PREDICATE: Kind.REINSTATE,
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
    name: str = "",
) -> Submission:
    """Sign the request to enter `claim` into the log `origin`.

    The event id follows from log, kind, claim and its signer, so that asking again changes nothing.
    Two signers may sign the very same statement: the claim id alone is not enough. Nobody's name
    goes into it, because it stands in the log for ever. `name` is what messages call it.
    """
    bundle = Bundle.parse(claim, what="the claim")
    wanted = kind or kind_of(bundle)
    event = "\n".join((origin, wanted, bundle.envelope.claim_id, _signer_hint(bundle)))
    request = SubmissionRequest(
        origin=origin,
        kind=wanted,
        claim_id=bundle.envelope.claim_id,
        claim_sha256=hashlib.sha256(claim).hexdigest(),
        event_id=hashlib.sha256(event.encode()).hexdigest(),
        not_after=(now or datetime.now(UTC)) + _VALIDITY,
    )
    signed = submitter.sign_statement(request.to_statement())
    return Submission(claim, signed.to_bytes(), name)


def submit(
    ledger: Ledger,
    claims: Sequence[Bundle],
    submitter: Signer,
    *,
    kind: str | None = None,
    now: datetime | None = None,
    names: Sequence[str] = (),
) -> tuple[Receipt, ...]:
    """Enter claims, all or none; raises `SubmissionRefusedError` and what the ledger raises.

    `names` are what messages call the claims, for example `line 3`.
    """
    called = names or [""] * len(claims)
    items = [
        make_submission(claim.to_bytes(), ledger.origin, submitter, kind=kind, now=now, name=name)
        for claim, name in zip(claims, called, strict=True)
    ]
    receipts = ledger.append(items, BundleVerifier(), now=now)
    for claim, receipt in zip(claims, receipts, strict=True):
        _require_answer(claim, kind or kind_of(claim), receipt)
        _require_same_bytes(ledger, claim, receipt)
    return receipts


@dataclass(frozen=True, slots=True)
class BundleVerifier:
    """Judges requests and claims that are Sigstore bundles by the keys and identities of a policy."""

    def verify_request(self, request: bytes, policy: RegistrationPolicy) -> VerifiedRequest:
        """Check that an admitted submitter signed the request; see `ClaimVerifier`."""
        bundle = Bundle.parse(request, what="the request")
        try:
            verified = admitted_trust(policy).verify(bundle)
        except (WrongSignerError, TamperedError) as error:
            raise SubmissionRefusedError(
                "the submitter is not admitted to this ledger",
                why="no admitted key or identity signed the request",
                fix="ask the ledger's owner to admit you, or sign with an admitted key or identity",
            ) from error
        asked = SubmissionRequest.from_statement(verified.statement)
        return VerifiedRequest(
            origin=asked.origin,
            kind=asked.kind,
            claim_id=asked.claim_id,
            claim_sha256=asked.claim_sha256,
            event_id=asked.event_id,
            not_after=asked.not_after,
            submitter=party_of(policy, verified.signer),
        )

    def describe_claim(self, claim: bytes, policy: RegistrationPolicy) -> VerifiedClaim:
        """Say what the claim is and who signed it; see `ClaimVerifier`.

        A claim signed by nobody whom the log knows can only be observed: in place of its signer
        stands a commitment to the claim, which names nobody.
        """
        bundle = Bundle.parse(claim, what="the claim")
        statement = Statement.parse(bundle.envelope.payload_type, bundle.envelope.payload)
        claim_id = bundle.envelope.claim_id
        try:
            verified = admitted_trust(policy).verify(bundle)
            signer = party_of(policy, verified.signer)
        except (WrongSignerError, TamperedError):
            unknown = f"unknown signer\n{claim_id}\n{bundle.key_hint}"
            commitment = hashlib.sha256(unknown.encode()).hexdigest()
            subject = _first_subject(statement)
            return VerifiedClaim(claim_id, Kind.OBSERVED, subject, f"salted:{commitment}")
        kind = KIND_OF_PREDICATE.get(statement.predicate_type, Kind.OBSERVED)
        subject, count = _subject_of(statement), len(statement.subjects)
        proven = verified.time.at if verified.time else None
        return VerifiedClaim(claim_id, kind, subject, signer, count, _broken_by(statement), proven)

    def silenced(self, ledger: Ledger) -> Mapping[str, Silence]:
        """Return which parties a revocation in the ledger keeps from writing; see `ClaimVerifier`."""
        return silenced_parties(ledger)

    def written_in_silence(self, ledger: Ledger) -> Mapping[int, str]:
        """Return entries of whoever an earlier entry had revoked; see `ClaimVerifier`."""
        return written_in_silence(ledger, self.proven_in(ledger))

    def proven_in(self, ledger: Ledger, *, complete: bool = True) -> Proven:
        """Return what tells when the claim of an entry existed already, by the clocks that the ledger trusts.

        Of a claim that is gone, or whose signer was erased, it raises `ReadError`; one that cannot be
        read proves nothing.
        """
        history = ledger.policies(complete=complete)

        def proven(entry: LoggedEvent) -> datetime | None:
            claim = ledger.home.blobs.get(entry.event.claim_sha256)
            policy = history.at(entry.index)
            if is_anonymous(policy, entry.event.signer):
                raise ReadError(f"whose claim entry {entry.index} records cannot be told any more")
            try:
                return self.describe_claim(claim, policy).proven
            except WeightmarkError:
                return None

        return proven


def _require_answer(claim: Bundle, kind: str, receipt: Receipt) -> None:
    """Refuse a receipt of something else: whoever runs a service could send any that is good."""
    event = receipt.event
    if (event.claim_id, event.kind) != (claim.envelope.claim_id, kind):
        raise LedgerInconsistentError(
            f"the ledger `{event.origin}` answered with the receipt of another entry",
            why=f"entry {receipt.index} is of kind `{event.kind}`, about the claim `sha256:{event.claim_id}`",
            fix="tell its operator, and keep the receipt as evidence",
        )


def _require_same_bytes(ledger: Ledger, claim: Bundle, receipt: Receipt) -> None:
    """Refuse the receipt of the same statement by somebody else; one by its signer may stand there in other bytes.

    A signature can be made again and an envelope written anew, so the stored claim is looked at: it
    must name the same signer. One that was erased cannot be compared.
    """
    event = receipt.event
    if event.claim_sha256 == hashlib.sha256(claim.to_bytes()).hexdigest():
        return
    try:
        stored = Bundle.parse(ledger.home.blobs.get(event.claim_sha256), what="the stored claim")
    except ReadError as error:
        raise ReadError(
            f"entry {receipt.index} holds the claim in other bytes, which are not there to be compared",
            why=error.what,
            fix="ask the operator of the ledger whether it was erased",
        ) from error
    if (stored.envelope.claim_id, _signer_hint(stored)) != (
        claim.envelope.claim_id,
        _signer_hint(claim),
    ):
        raise LedgerInconsistentError(
            f"the ledger `{event.origin}` answered with the receipt of another signer's claim",
            why=f"entry {receipt.index} holds `sha256:{event.claim_sha256}`, which somebody else signed",
            fix="tell its operator, and keep the receipt as evidence",
        )


def _signer_hint(bundle: Bundle) -> str:
    chain = bundle.certificate_chain
    return hashlib.sha256(chain.leaf).hexdigest() if chain else bundle.key_hint


def _broken_by(statement: Statement) -> str:
    """Return why what a claim says of descent cannot be followed; empty when it can."""
    try:
        materials_of(statement)
        held_by(statement)
        hidden = too_short_to_stand_elsewhere(statement)
    except WeightmarkError as error:
        return error.what
    return "it lists few files, and not in the claim itself" if hidden else ""


def _subject_of(statement: Statement) -> str:
    """Return what an entry about a claim by an admitted signer is about."""
    if statement.predicate_type in (REVOCATION_PREDICATE, REINSTATEMENT_PREDICATE):
        return RevocationSubject.of_statement(statement).text
    return _first_subject(statement)


def _first_subject(statement: Statement) -> str:
    subject = statement.subjects[0]
    return subject.identity or (f"sha256:{subject.sha256}" if subject.sha256 else "")
