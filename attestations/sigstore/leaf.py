"""The signer's certificate: what it must be, whom it names, and the facts that others may ask for."""

import hashlib
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.sigstore.chains import load_certificate
from weightmark.attestations.sigstore.extensions import FulcioExtensions
from weightmark.attestations.sigstore.time_ranges import moment
from weightmark.errors import MalformedError, UnsupportedError, WrongSignerError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Extensions

__all__ = ["Leaf", "LeafFacts"]

_T = TypeVar("_T")

_OTHER_NAME = "1.3.6.1.4.1.57264.1.7"
"""Fulcio's user names that are neither mail addresses nor URLs"""
_UTF8_STRING = 0x0C
_UNDERSTOOD = frozenset(["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"])
"""key usage, subject alternative name, basic constraints, extended key usage"""


@dataclass(frozen=True, slots=True)
class LeafFacts:
    """What the certificate of a verified signature says."""

    subject: str
    """whom it names: mail address, URL or user name"""
    issuer: str
    """distinguished name of the authority that issued it (RFC 4514)"""
    fingerprint: str
    """SHA-256 of the DER certificate, lowercase hex"""
    not_before: datetime
    """first moment of its validity, in UTC"""
    not_after: datetime
    """last moment of its validity, in UTC"""
    extensions: FulcioExtensions
    """what the identity provider said"""


@dataclass(frozen=True)
class Leaf:
    """A signer's certificate whose form was checked; whether to believe it is decided elsewhere."""

    der: bytes
    """the certificate"""
    certificate: "Certificate"
    """the same, parsed"""

    @classmethod
    def parse(cls, der: bytes) -> "Leaf":
        """Read a certificate for signing code; raises `MalformedError`, `UnsupportedError` or `WrongSignerError`."""
        certificate = load_certificate(der, "the signer's certificate")
        _check_usage(certificate.extensions)
        return cls(der, certificate)

    @cached_property
    def key(self) -> PublicKey:
        """The certified key; raises `UnsupportedError` or `MalformedError`."""
        from cryptography.exceptions import UnsupportedAlgorithm

        what = "the key in the signer's certificate"
        try:
            return PublicKey.of(self.certificate.public_key(), what, in_certificate=True)
        except UnsupportedAlgorithm as error:
            raise UnsupportedError(f"{what} has a type that is not supported") from error
        except ValueError as error:
            raise MalformedError(f"{what} can't be read") from error

    @cached_property
    def facts(self) -> LeafFacts:
        """What the certificate says; raises `MalformedError`."""
        return LeafFacts(
            _subject(self.certificate),
            self.certificate.issuer.rfc4514_string(),
            hashlib.sha256(self.der).hexdigest(),
            self.certificate.not_valid_before_utc,
            self.certificate.not_valid_after_utc,
            FulcioExtensions.of(self.certificate),
        )

    def check_time(self, at: datetime, clock: str) -> None:
        """Raise `WrongSignerError` unless the certificate was valid at the time that `clock` gives."""
        start, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if not start <= at <= end:
            raise WrongSignerError(
                "it was signed when the certificate did not count",
                why=f"it was valid from {moment(start)} until {moment(end)}, and {clock} says {moment(at)}",
                fix="ask the publisher for a new signature",
            )


def _check_usage(extensions: "Extensions") -> None:
    from cryptography.x509 import BasicConstraints, ExtendedKeyUsage, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    usage = _find(extensions, KeyUsage)
    purposes = _find(extensions, ExtendedKeyUsage)
    limits = _find(extensions, BasicConstraints)
    if usage is None or not usage.digital_signature:
        raise WrongSignerError("the signer's certificate is not for signatures")
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise WrongSignerError("the signer's certificate is not for signing code")
    if limits is not None and limits.ca:
        raise WrongSignerError("the signer's certificate is one of an authority")
    for extension in extensions:
        if extension.critical and extension.oid.dotted_string not in _UNDERSTOOD:
            raise UnsupportedError(
                "the signer's certificate has a critical extension that is not supported",
                why=extension.oid.dotted_string,
            )


def _find(extensions: "Extensions", kind: type[_T]) -> _T | None:
    for extension in extensions:
        if isinstance(extension.value, kind):
            return extension.value
    return None


def _subject(certificate: "Certificate") -> str:
    """Return the one subject alternative name."""
    from cryptography.x509 import (
        OtherName,
        RFC822Name,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    names = list(_find(certificate.extensions, SubjectAlternativeName) or ())
    if len(names) != 1:
        raise MalformedError(f"the signer's certificate names {len(names)} subjects instead of one")
    name = names[0]
    if isinstance(name, RFC822Name | UniformResourceIdentifier):
        return name.value
    if isinstance(name, OtherName) and name.type_id.dotted_string == _OTHER_NAME:
        raw = name.value
        if len(raw) > 2 and raw[0] == _UTF8_STRING and raw[1] == len(raw) - 2:  # noqa: PLR2004 - tag, length
            return _utf8(raw[2:])
    raise UnsupportedError("the signer's certificate names a subject of a kind that is not known")


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("the subject of the signer's certificate is not text") from error
