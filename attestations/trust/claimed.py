"""Whom bundles say they are by: unverified, to tell a caller which flag would accept each."""

import hashlib
import shlex
from collections.abc import Iterable

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.errors import TrustNotSaidError, WeightmarkError

__all__ = ["claimed_signer", "trust_not_said"]

_SHOWN = 5
_MAX_NAME = 200


def claimed_signer(bundle: Bundle) -> tuple[str, str]:
    """Return whom a bundle names as its signer, and the flags that would accept that one; nothing is verified."""
    chain = bundle.certificate_chain
    if chain is None:
        hint = bundle.key_hint[:_MAX_NAME]
        return (f"a key with the hint `{hint}`" if hint else "a key"), "--key FILE"
    try:
        from weightmark.attestations.sigstore.leaf import Leaf

        facts = Leaf.parse(chain.leaf).facts
    except (WeightmarkError, ValueError):
        return _certificate(chain.leaf)
    subject, issuer = facts.subject[:_MAX_NAME], (facts.extensions.issuer or "")[:_MAX_NAME]
    if not issuer:
        return _certificate(chain.leaf)
    flags = f"--identity {shlex.quote(subject)} --issuer {shlex.quote(issuer)}"
    return f"`{subject}` at `{issuer}`", flags


def trust_not_said(bundles: Iterable[Bundle]) -> TrustNotSaidError:
    """Return the error for a call that trusts nobody; it lists whom the bundles name, unverified."""
    found = dict(claimed_signer(bundle) for bundle in bundles)
    shown = list(found.items())[:_SHOWN]
    names = ", ".join(who for who, _ in shown)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    accepted = " or ".join(f"`{flags}`" for flags in dict.fromkeys(flags for _, flags in shown))
    return TrustNotSaidError(
        "whom to trust was not said",
        why="a signature by nobody in particular proves nothing"
        + (f"; the evidence names, unverified: {names}{more}" if names else "")
        + ("; `weightmark key show KEY` prints the hint of a key" if "hint `" in names else ""),
        fix=f"if you know from elsewhere that this is the publisher, add {accepted}"
        if accepted
        else "name the signer's public key with `--key release.pub`, or its identity with `--identity` and `--issuer`",
    )


def _certificate(der: bytes) -> tuple[str, str]:
    from cryptography.x509 import load_der_x509_certificate

    fingerprint = hashlib.sha256(der).hexdigest()
    flags = f"--cert-chain CA.pem --cert-fingerprint sha256:{fingerprint}"
    try:
        subject = load_der_x509_certificate(der).subject.rfc4514_string()[:_MAX_NAME]
    except ValueError:
        return "a certificate that can't be read", flags
    return f"the certificate `{subject}`", flags
