"""The seam between whoever needs a signature and whoever can make one."""

from typing import TYPE_CHECKING, Protocol

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity

if TYPE_CHECKING:
    from weightmark.attestations.trust import Trust

__all__ = ["Signer"]


class Signer(Protocol):
    """Somebody who can sign statements."""

    @property
    def identity(self) -> SignerIdentity:
        """Who signs."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What the caller should know about signatures by this signer, for example who can't verify them."""
        ...

    def own_trust(self) -> "Trust":
        """Return the trust in this very signer with which its output is verified before it is written.

        It also tells the signer's earlier claims from those of others.
        """
        ...

    def sign_statement(self, payload: bytes) -> Bundle:
        """Sign the bytes of an in-toto statement."""
        ...
