"""Certificates as files: PEM in, and whether one may sign a model."""

from typing import TYPE_CHECKING, Any

from weightmark.errors import TrustMissingError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Extensions

__all__ = [
    "has_issued",
    "issued_itself",
    "parse_certificates",
    "why_no_authority",
    "why_not_for_code",
]

_MARK = b"-----BEGIN CERTIFICATE-----"
_MAX_EXPONENT = 32
"""bits of an RSA public exponent"""


def parse_certificates(pem: bytes, what: str) -> "tuple[Certificate, ...]":
    """Read every certificate of a PEM file, at least one; raises `TrustMissingError`."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return tuple(load_pem_x509_certificates(pem))
    except Exception as error:
        raise TrustMissingError(
            f"{what} holds no certificate in PEM form",
            why=str(error) if _MARK in pem else "",
            fix="convert it with `openssl x509 -inform DER -in FILE -out FILE.pem`",
        ) from error


def has_issued(above: "Certificate", below: "Certificate") -> bool:
    """Tell whether `above` signed `below`, by name and signature alone; what it may do is another question.

    An RSA key with a public exponent over 32 bits issues nothing: a signature by it takes thousands of
    times as long to check, and no authority has one.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        if _is_costly(above.public_key()):
            return False
        below.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _is_costly(key: object) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    return isinstance(key, RSAPublicKey) and key.public_numbers().e.bit_length() > _MAX_EXPONENT


def issued_itself(certificate: "Certificate") -> bool:
    """Tell whether the certificate is its own authority: a root, or a signer who stands alone."""
    return has_issued(certificate, certificate)


def why_not_for_code(leaf: "Certificate") -> str:
    """Say why a certificate may not sign models; empty when it may.

    OMS 1.0 §6 demands key usage digitalSignature, and codeSigning where extended uses are listed;
    a certificate that says neither is refused.
    """
    from cryptography.x509 import ExtendedKeyUsage, KeyUsage
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        extensions = leaf.extensions
    except ValueError as error:
        return f"it has an extension that can't be read: {error}"
    usage = _value(extensions, KeyUsage)
    extended = _value(extensions, ExtendedKeyUsage)
    if usage is None and extended is None:
        return "it does not say what it may be used for"
    if usage is not None and not usage.digital_signature:
        return "its key usage lacks digitalSignature"
    if extended is not None and ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        return "its extended key usage lacks codeSigning"
    return ""


def why_no_authority(certificate: "Certificate") -> str:
    """Say why a certificate may not issue others; empty when it may.

    RFC 5280 §4.2.1.9 and §4.2.1.3: basicConstraints with cA, and keyCertSign where key usage is there.
    """
    from cryptography.x509 import BasicConstraints, KeyUsage

    try:
        extensions = certificate.extensions
    except ValueError as error:
        return f"it has an extension that can't be read: {error}"
    basic = _value(extensions, BasicConstraints)
    usage = _value(extensions, KeyUsage)
    if basic is None or not basic.ca:
        return "it is not marked as an authority (basicConstraints CA:TRUE)"
    if usage is not None and not usage.key_cert_sign:
        return "its key usage lacks keyCertSign"
    return ""


def _value(extensions: "Extensions", kind: type) -> Any:
    from cryptography.x509 import ExtensionNotFound

    try:
        return extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None
