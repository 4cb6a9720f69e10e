"""What is said about keys and certificates, the same in every command."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.keys.schemes import FILE, scheme_of
from weightmark.cli.private_keys import load_key, read_passphrase

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["certificate_facts", "certificate_in", "key_facts", "load_public"]


def key_facts(key: PublicKey) -> dict[str, str]:
    """Return type, fingerprint and OMS hint as JSON."""
    return {"type": key.kind, "fingerprint": key.identity, "oms_hint": f"sha256:{key.hint}"}


def certificate_in(data: bytes, what: str) -> "Certificate | None":
    """Return the first certificate of a PEM file, or None when it holds none; raises `TrustMissingError`."""
    from weightmark.attestations.keys.certificates import parse_certificates

    return parse_certificates(data, what)[0] if b"-----BEGIN CERTIFICATE-----" in data else None


def load_public(
    reference: str, passphrase_file: str | None, pkcs11_module: str | None, *, offline: bool
) -> "tuple[PublicKey, Certificate | None]":
    """Return the public key that a file (private, public or certificate) or a URI means; raises what keys raise."""
    from weightmark.attestations.keys import PrivateKey
    from weightmark.attestations.keys.files import is_private, read_key_file

    if scheme_of(reference) != FILE:
        held = load_key(reference, passphrase_file, pkcs11_module=pkcs11_module, offline=offline)
        return held.public, None
    data = read_key_file(Path(reference))
    if is_private(data):
        own = PrivateKey.load(reference, lambda name: read_passphrase(name, passphrase_file))
        return own.public, None
    certificate = certificate_in(data, f"`{reference}`")
    if certificate is None:
        return PublicKey.from_pem(data, what=f"`{reference}`"), None
    key = PublicKey.of(certificate.public_key(), f"`{reference}`", in_certificate=True)
    return key, certificate


def certificate_facts(certificate: "Certificate") -> dict[str, Any]:
    """Return who holds a certificate, who issued it, and for how long, as JSON."""
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding

    der = certificate.public_bytes(Encoding.DER)
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        "certificate": f"sha256:{hashlib.sha256(der).hexdigest()}",
    }
