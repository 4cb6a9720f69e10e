"""The seam between whoever needs a bundle verified and whatever a caller trusts."""

from datetime import datetime
from typing import Protocol

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.identities import SignerIdentity, VerifiedTime
from weightmark.attestations.trust.validity import Validity
from weightmark.values import dataclass

__all__ = ["Anchor", "CertificateFacts", "Proof"]


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What the certificate of a verified signature says."""

    subject: str
    """distinguished name (RFC 4514); empty when it has none"""
    issuer: str
    """distinguished name of the authority that issued it (RFC 4514)"""
    names: tuple[str, ...]
    """subject alternative names, each as its plain value"""
    fingerprint: str
    """SHA-256 of the DER certificate, lowercase hex"""
    not_before: datetime
    """first moment of its validity, in UTC"""
    not_after: datetime
    """last moment of its validity, in UTC"""
    extensions: tuple[tuple[str, str], ...] = ()
    """for Sigstore what the identity provider said, by name: `source-repository`, `build-signer-uri`, …"""


@dataclass(frozen=True, slots=True)
class Proof:
    """What an anchor proved about one bundle."""

    signer: SignerIdentity
    """who signed"""
    times: tuple[VerifiedTime, ...] = ()
    """when the signature existed already, by clocks that were verified; the earliest first"""
    certificate: CertificateFacts | None = None
    """the signer's certificate, if it was one by which the signer is known"""
    notices: tuple[str, ...] = ()
    """what the caller should know"""

    @property
    def time(self) -> VerifiedTime | None:
        """The earliest verified time."""
        return self.times[0] if self.times else None


class Anchor(Protocol):
    """One signer, or one rule for signers, that the caller trusts."""

    @property
    def name(self) -> str:
        """How it is named in output; of one known signer exactly the name of its `SignerIdentity`."""
        ...

    @property
    def label(self) -> str:
        """Its name in a trust file, for people; empty when it comes from elsewhere."""
        ...

    @property
    def validity(self) -> Validity:
        """When its signatures count."""
        ...

    @property
    def expires(self) -> datetime | None:
        """From when on new signatures are no longer believed; None for never."""
        ...

    def allowing_legacy(self) -> "Anchor":
        """Return the same anchor that also believes the weaker encoding of model-signing 0.2, where that means anything."""
        ...

    def concerns(self, bundle: Bundle, proof: Proof) -> bool:
        """Tell whether the signer of `proof`, by whomever it was made, is whom this anchor means.

        Times, thresholds and expiry do not matter: a revocation binds also where nothing is believed.
        """
        ...

    def prove(self, bundle: Bundle, now: datetime) -> Proof:
        """Verify that the anchor's signer made `bundle`.

        Raises `WrongSignerError` when somebody else made it, `TamperedError` when it names this
        signer but was not made by it, `RevokedError`, and `UncheckedError` (`ExpiredError` among
        them) when it can't be told.
        """
        ...
