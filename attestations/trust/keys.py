"""Trust in a public key: its signature proves it, within its time."""

from dataclasses import replace
from datetime import datetime

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.legacy_encoding import has_signed
from weightmark.attestations.bundles.material import KeyHint
from weightmark.attestations.identities import SignerIdentity, SignerKind
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.trust.clocks import NO_CLOCKS, Clocks
from weightmark.attestations.trust.interface import Proof
from weightmark.attestations.trust.validity import ALWAYS, Validity
from weightmark.errors import TamperedError, WrongSignerError
from weightmark.values import dataclass

__all__ = ["KeyAnchor", "identity_of_key"]

_MAX_HINT = 200


def identity_of_key(key: PublicKey) -> SignerIdentity:
    """Return how the holder of `key` is named."""
    return SignerIdentity(SignerKind.KEY, key.fingerprint)


@dataclass(frozen=True)
class KeyAnchor:
    """A public key that the caller named."""

    key: PublicKey
    """the key"""
    validity: Validity = ALWAYS
    """when its signatures count"""
    clocks: Clocks = NO_CLOCKS
    """who may prove when a signature was made"""
    label: str = ""
    """its name in a trust file, for people"""
    allow_legacy: bool = False
    """whether the weaker encoding of model-signing 0.2 counts for the statements of that version"""
    handed_over: str = ""
    """how the key became trusted, when another one handed over to it; one line for people"""

    @property
    def name(self) -> str:
        """`key:<fingerprint>`."""
        return identity_of_key(self.key).name

    @property
    def expires(self) -> datetime | None:
        """The last moment of its time."""
        return self.validity.not_after

    def allowing_legacy(self) -> "KeyAnchor":
        """Return the same anchor that also believes the weaker encoding of model-signing 0.2."""
        return replace(self, allow_legacy=True)

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:  # noqa: ARG002 - the protocol's signature
        """Tell whether this very key signed, by itself or in a certificate."""
        return proof.signer.fingerprint == self.key.fingerprint

    def prove(self, bundle: Bundle, now: datetime) -> Proof:
        """Verify that the key made the signature; see `Anchor`.

        A key verifies nothing that names a certificate as its signer: whom such a bundle means
        must not depend on who looks.
        """
        if not isinstance(bundle.material, KeyHint):
            raise WrongSignerError(
                "signed with a certificate, and you trust a key",
                fix="trust the certificate with `--cert-chain`, or the identity with `--identity` and `--issuer`",
            )
        envelope = bundle.envelope
        if not has_signed(self.key, envelope, allow_legacy=self.allow_legacy):
            raise self._not_made_by_it(bundle.material)
        times, notices = self.clocks.read(bundle, self.key, now)
        self.validity.require(self.label or self.name, times, now)
        handed_over = (self.handed_over,) if self.handed_over else ()
        return Proof(identity_of_key(self.key), times, None, (*handed_over, *notices))

    def _not_made_by_it(self, hint: KeyHint) -> TamperedError | WrongSignerError:
        if hint.text in (self.key.hint, self.key.fingerprint):
            return TamperedError(
                "the signature does not fit what it signs",
                why="it names a key that you trust, but this key did not make it",
            )
        return WrongSignerError(
            "signed with another key than you trust",
            why=f"it names {_key_of_hint(hint)}, and you trust `{self.name}`, whose hint is `{self.key.hint}`",
            fix="check which key the publisher announces; `weightmark key show KEY` prints fingerprint and hint",
        )


def _key_of_hint(hint: KeyHint) -> str:
    return f"a key with the hint `{hint.text[:_MAX_HINT]}`" if hint.text else "no key"
