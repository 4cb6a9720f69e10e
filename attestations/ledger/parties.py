"""The parties of a ledger: whom its registration policy admits, as a trust that can verify, and how they are named."""

from collections.abc import Iterator
from functools import lru_cache

from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.interface import Anchor
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.errors import MalformedError, TrustMissingError
from weightmark.provenance.ledger.admission import RegistrationPolicy, Submitter
from weightmark.provenance.ledger.private import PrivateValue, identity_value

__all__ = ["admitted_trust", "is_anonymous", "party_of", "value_of", "value_of_party"]


def admitted_trust(policy: RegistrationPolicy) -> Trust:
    """Trust exactly whom `policy` admits; an empty log admits nobody, so its trust is empty as well.

    Raises `TrustMissingError` for an identity whose trusted root is unknown here.
    """
    return _trust(policy, policy.private_values)


@lru_cache(16)
def _trust(policy: RegistrationPolicy, _opened: tuple[PrivateValue, ...]) -> Trust:
    """Remember by what can be opened, too: a policy equals itself whoever may look behind its commitments."""
    return Trust(tuple(_anchors(policy)))


def party_of(policy: RegistrationPolicy, signer: SignerIdentity) -> str:
    """Return how the log names a verified signer; raises `MalformedError` for one that is not admitted."""
    if signer.kind is not SignerKind.SIGSTORE:
        return signer.name
    value = value_of(signer)
    for one in policy.identities:
        if one.opened and one.opened.value == value:
            return one.fingerprint
    raise MalformedError(f"`{signer.name}` is no party of the log `{policy.origin}`")


def value_of(signer: SignerIdentity) -> str:
    """Return what a commitment to `signer` covers: for a key its name, for an identity both its parts."""
    if signer.kind is SignerKind.SIGSTORE:
        return identity_value(signer.subject, signer.issuer)
    return signer.name


def value_of_party(policy: RegistrationPolicy, party: str) -> str:
    """Return what `value_of` returns of the signer whom the log calls `party`; empty when nobody can tell here."""
    if not party.startswith("salted:"):
        return party
    opened = (one.opened for one in policy.identities if one.fingerprint == party)
    return next((one.value for one in opened if one), "")


def is_anonymous(policy: RegistrationPolicy, party: str) -> bool:
    """Tell whether nobody can say any more, or here, which identity a party is."""
    return party.startswith("salted:") and value_of_party(policy, party) == ""


def _anchors(policy: RegistrationPolicy) -> Iterator[Anchor]:
    for name, pem in policy.keys.items():
        yield KeyAnchor(PublicKey.from_pem(pem, what=name))
    roots = dict(policy.roots)
    for one in policy.identities:
        yield _identity_anchor(one, roots)


def _identity_anchor(one: Submitter, roots: dict[str, str]) -> Anchor:
    from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule
    from weightmark.attestations.trust.roots import BUILT_IN_ROOTS, built_in_root, parse_root

    if one.opened is None:
        raise MalformedError("an identity that cannot be opened cannot be trusted")
    subject, issuer = one.opened.identity
    if one.root in roots:
        root = parse_root(roots[one.root].encode(), name=one.root)
    elif one.root in BUILT_IN_ROOTS:
        root = built_in_root(one.root)
    else:
        raise TrustMissingError(
            f"the ledger admits an identity by the trusted root `{one.root[:80]}`, which is unknown here",
            fix="consult it with the version of weightmark that made its policy",
        )
    return IdentityAnchor(parse_rule(exact=subject, issuer=issuer), root, exact=subject)
