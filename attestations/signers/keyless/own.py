"""Trust in the signer itself, with which its output is verified before it is written."""

from typing import TYPE_CHECKING

from weightmark.attestations.identities import SignerIdentity

if TYPE_CHECKING:
    from weightmark.attestations.trust import Trust

__all__ = ["trust_in"]


def trust_in(identity: SignerIdentity, trusted_root: bytes, *, name: str) -> "Trust":
    """Return the trust in exactly this identity, proven by the instance with this trusted root."""
    from weightmark.attestations.sigstore.identity import IdentityRule
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.trust.identities import IdentityAnchor
    from weightmark.attestations.trust.roots import parse_root

    rule = IdentityRule.exact(identity.subject, issuer=identity.issuer)
    root = parse_root(trusted_root, name=name)
    return Trust((IdentityAnchor(rule, root, exact=identity.subject),))
