"""What a log took over of the revocations of the log before, and whom it cannot vouch for any more."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerKind, VerifiedTime
from weightmark.attestations.ledger.parties import value_of, value_of_party
from weightmark.attestations.ledger.revocation import Revocation
from weightmark.attestations.predicates.revocation import RevocationClaim, RevocationSubject
from weightmark.attestations.trust.interface import Proof
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import ReadError, WrongSignerError
from weightmark.provenance.ledger.admission import (
    CarriedRevocation,
    LeftRevocations,
    RegistrationPolicy,
)
from weightmark.provenance.ledger.event import parse_time
from weightmark.values import dataclass

__all__ = ["DoubtedSigner", "carried_over", "still_left", "voids_all_of"]

_ALWAYS = datetime.min.replace(tzinfo=UTC)


def carried_over(policy: RegistrationPolicy, entered: AbstractSet[str]) -> Iterator[Revocation]:
    """Yield what entry 0 says was revoked in the log before; whoever holds both recovery keys signed that.

    One about somebody's own claim, whom nobody can name here, is told by its own entry once that
    stands in this log: `entered` are the SHA-256 of the claims of revocations in it.
    """
    before = policy.succeeds
    for one in (before.revoked or ()) if before else ():
        hidden = one.only_of.startswith("salted:")
        if hidden and one.claim_sha256 in entered:
            continue
        yield _revocation(one, value_of_party(policy, one.only_of) if hidden else one.only_of)


def still_left(
    policy: RegistrationPolicy, in_force: Sequence[Revocation]
) -> tuple[LeftRevocations, ...]:
    """Return what was left in the log before and is not known here.

    What the role revoked is known once somebody with the role revokes it here. Whose own claims are
    in doubt does not matter while the role revokes that signer altogether.
    """
    before = policy.succeeds
    revoked = {one.subject.text for one in in_force if one.only_of is None}
    found: list[LeftRevocations] = []
    for one in before.left if before else ():
        if one.signer:
            if not any(voids_all_of(known, one.signer) for known in in_force):
                found.append(one)
            continue
        missing = tuple(subject for subject in one.subjects if subject not in revoked)
        if missing or not one.subjects:
            found.append(LeftRevocations(one.origin, "", missing))
    return tuple(found)


def voids_all_of(revocation: Revocation, party: str, value: str = "") -> bool:
    """Tell whether nothing at all counts any more that a signer made, by the word of the role."""
    if revocation.only_of is not None or revocation.since is not None:
        return False
    return revocation.silences(party, value)


def _revocation(one: CarriedRevocation, value: str) -> Revocation:
    claim = RevocationClaim(
        RevocationSubject(one.subject, one.salt),
        one.reason,
        parse_time(one.since) if one.since else None,
    )
    return Revocation(
        0,
        one.origin,
        one.claim_id,
        claim.subject,
        claim.reason,
        claim.since,
        one.signer,
        value if one.only_of else None,
        entered_at=one.index,
        claim_sha256=one.claim_sha256,
    )


@dataclass(frozen=True, slots=True)
class _Doubt(Validity):
    """A validity that nobody can tell here."""

    where: str = ""
    """the log that could tell"""

    def require_not_revoked(self, who: str, times: Sequence[VerifiedTime], now: datetime) -> None:  # noqa: ARG002 - as in `Validity`
        """Raise `ReadError`."""
        raise ReadError(
            f"whether the claim was taken back by its signer in `{self.where}` cannot be told here",
            why=f"`{who}` took back more of its own claims there than its successor could take over",
            fix="ask for a claim by another signer, or have the role revoke this signer for good",
        )


@dataclass(frozen=True, slots=True)
class DoubtedSigner:
    """A signer as an anchor that proves nothing: which of its own claims it took back is not known here."""

    left: LeftRevocations
    """whose, and where"""

    @property
    def name(self) -> str:
        """The signer."""
        return self.left.signer

    @property
    def label(self) -> str:
        """Nothing: it stands in no trust file."""
        return ""

    @property
    def validity(self) -> Validity:
        """In doubt at any time."""
        return _Doubt(None, None, _ALWAYS, "", self.left.origin)

    @property
    def expires(self) -> datetime | None:
        """Never."""
        return None

    def allowing_legacy(self) -> "DoubtedSigner":
        """Return itself."""
        return self

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:  # noqa: ARG002 - the protocol's signature
        """Tell whether the signer of `proof` may be meant; of an identity nobody can tell which it is."""
        if self.name.startswith("salted:"):
            return proof.signer.kind is SignerKind.SIGSTORE
        return value_of(proof.signer) == self.name

    def prove(self, bundle: Bundle, now: datetime) -> Proof:  # noqa: ARG002 - the protocol's signature
        """Prove nothing."""
        raise WrongSignerError("signed by somebody else than you trust")
