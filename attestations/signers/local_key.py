"""Signing with a private key that lies in a PEM file."""

from dataclasses import dataclass

from weightmark.attestations.bundles.bundle import Bundle, KeyHint
from weightmark.attestations.bundles.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    pre_authentication_encoding,
)
from weightmark.attestations.keys import PrivateKey, PublicKey

__all__ = ["LocalKeySigner"]


@dataclass(frozen=True, slots=True)
class LocalKeySigner:
    """Signs with a key in memory."""

    key: PrivateKey
    """the private key"""

    @property
    def public(self) -> PublicKey:
        """The key with which others verify."""
        return self.key.public

    @property
    def identity(self) -> str:
        """Who signs: `key:<fingerprint>`."""
        return self.key.public.identity

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement."""
        signature = self.key.sign(pre_authentication_encoding(IN_TOTO_PAYLOAD_TYPE, payload))
        return Bundle(
            KeyHint(self.key.public.hint), Envelope(IN_TOTO_PAYLOAD_TYPE, payload, signature)
        )
