"""The seam between whoever signs and the place where the private key is held."""

from typing import Protocol

from weightmark.attestations.keys.public import PublicKey

__all__ = ["SigningKey"]


class SigningKey(Protocol):
    """A private key that can be used, wherever it is held: in a file, a token or a service."""

    @property
    def public(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign `message`: DER for ECDSA (SHA-256, -384 or -512 by curve), raw for Ed25519 and ML-DSA."""
        ...
