"""Where a private key is held, told by the beginning of the word that names it."""

import re

from weightmark.patterns import lazy_pattern

__all__ = ["FILE", "KMS_SCHEMES", "PKCS11", "scheme_of", "without_pin"]

FILE = ""
"""the word is the name of a file"""
PKCS11 = "pkcs11"
"""the word is a URI of a key in a token (RFC 7512)"""
KMS_SCHEMES = {
    "awskms": "kms-aws",
    "gcpkms": "kms-gcp",
    "azurekms": "kms-azure",
    "hv": "kms-vault",
}
"""schemes of URIs of keys in services, and the extra that each one needs"""
_PIN = lazy_pattern(r"(pin-value=)[^&;\s`]*", re.IGNORECASE)


def scheme_of(word: str) -> str:
    """Return `FILE`, `PKCS11`, or the scheme of a key service; schemes have no case (RFC 3986 §3.1)."""
    head, colon, _ = word.partition(":")
    scheme = head.lower()
    return scheme if colon and (scheme == PKCS11 or scheme in KMS_SCHEMES) else FILE


def without_pin(text: str) -> str:
    """Return `text` with every PIN of a PKCS#11 URI in it masked."""
    return _PIN.sub(r"\1…", text)
