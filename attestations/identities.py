"""Who signed and when, as far as it was proven: the words in which every verified claim names its signer."""

from datetime import datetime
from enum import StrEnum

from weightmark.values import dataclass

__all__ = ["SignerIdentity", "SignerKind", "VerifiedTime"]


class SignerKind(StrEnum):
    """By what means a signer is known."""

    KEY = "key"
    """a public key that the caller named"""
    CERTIFICATE = "certificate"
    """a certificate under a chain that the caller named"""
    SIGSTORE = "sigstore"
    """a short-lived certificate that says who logged in where"""


@dataclass(frozen=True, slots=True)
class SignerIdentity:
    """A signer who was proven to have signed."""

    kind: SignerKind
    """by what means"""
    fingerprint: str
    """SHA-256 of the DER SubjectPublicKeyInfo of the key that signed, lowercase hex"""
    subject: str = ""
    """for certificates the subject alternative name (else the distinguished name); empty for keys"""
    issuer: str = ""
    """for Sigstore the URL of the identity provider, for certificates the issuer's distinguished name"""

    @property
    def name(self) -> str:
        """How the signer is named in output and claims: `key:<hex>`, `certificate:<hex>` or `sigstore:<subject>@<issuer>`."""
        if self.kind is SignerKind.SIGSTORE:
            return f"sigstore:{self.subject}@{self.issuer}"
        return f"{self.kind}:{self.fingerprint}"

    def is_same_as(self, other: "SignerIdentity") -> bool:
        """Tell whether both are one signer: the same key, or the same subject at the same issuer."""
        return self.name == other.name


@dataclass(frozen=True, slots=True)
class VerifiedTime:
    """A moment at which the signature already existed, by a clock that was verified."""

    at: datetime
    """the moment, in UTC"""
    clock: str
    """whose clock: `rekor <log's origin>`, `timestamp <authority's name>`"""
