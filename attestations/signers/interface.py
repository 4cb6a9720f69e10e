"""The seam between whoever needs a signature and whoever holds a key."""

from typing import Protocol

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PublicKey

__all__ = ["Signer"]


class Signer(Protocol):
    """Somebody who can sign statements."""

    @property
    def public(self) -> PublicKey:
        """The key with which others verify."""
        ...

    @property
    def identity(self) -> str:
        """Who signs: `key:<fingerprint>`."""
        ...

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement."""
        ...
