"""Signing with a key, wherever it is held; whoever verifies needs the public key."""

from weightmark.attestations.bundles.bundle import Bundle, KeyHint
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    pre_authentication_encoding,
)
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.keys import PublicKey, SigningKey
from weightmark.attestations.keys.kinds import REFERENCE_TYPES
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.keys import identity_of_key
from weightmark.values import dataclass

__all__ = ["KeySigner", "reference_notices", "sign_envelope"]

_NAMES = {"ed25519": "Ed25519", "ml-dsa-65": "ML-DSA", "rsa": "RSA"}


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a key in a file, a token or a service."""

    key: SigningKey
    """the private key"""

    @property
    def public(self) -> PublicKey:
        """The key with which others verify."""
        return self.key.public

    @property
    def identity(self) -> SignerIdentity:
        """Who signs: the holder of the key."""
        return identity_of_key(self.key.public)

    @property
    def notices(self) -> tuple[str, ...]:
        """Whether the reference verifier knows the key's type."""
        return reference_notices(self.key.public)

    def own_trust(self) -> Trust:
        """Return the trust in this key."""
        return Trust.in_keys([self.key.public])

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement."""
        return Bundle(KeyHint(self.key.public.hint), sign_envelope(self.key, payload))


def sign_envelope(key: SigningKey, payload: bytes) -> Envelope:
    """Sign the bytes of an in-toto statement, and wrap them up with the signature."""
    signature = key.sign(pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, payload))
    return Envelope(IN_TOTO_PAYLOAD_TYPE, payload, signature)


def reference_notices(key: PublicKey) -> tuple[str, ...]:
    """Say so when the reference verifier does not know the type of `key`."""
    if key.kind in REFERENCE_TYPES:
        return ()
    return (
        f"the reference verifier does not know {_NAMES[key.kind]}; use an ECDSA key if others verify with it",
    )
