"""The kinds of keys that are known, and what each of them does."""

from typing import TYPE_CHECKING

from weightmark.errors import UnsupportedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

__all__ = ["KEY_TYPES", "POST_QUANTUM", "REFERENCE_TYPES", "RSA", "hash_for", "kind_of"]

KEY_TYPES = {
    "ecdsa-p256": "secp256r1",
    "ecdsa-p384": "secp384r1",
    "ecdsa-p521": "secp521r1",
    "ed25519": "",
    "ml-dsa-65": "",
}
"""supported key types, and the curve that OpenSSL names for each"""
REFERENCE_TYPES = frozenset(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
"""the types that the reference of OpenSSF Model Signing verifies"""
POST_QUANTUM = "ml-dsa-65"
"""ML-DSA-65 (FIPS 204), which a quantum computer does not break"""
RSA = "rsa"
"""PKCS#1 v1.5 with SHA-256; only in certificates, and never to sign a release by key"""
_SMALLEST_RSA = 2048
_LARGEST_RSA = 8192
_TYPE_OF_CURVE = {curve: kind for kind, curve in KEY_TYPES.items() if curve}


def kind_of(key: object, what: str, *, in_certificate: bool = False) -> str:
    """Return the kind of a public key; RSA only `in_certificate`. Raises `UnsupportedError`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _TYPE_OF_CURVE:
        return _TYPE_OF_CURVE[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, mldsa.MLDSA65PublicKey):
        return POST_QUANTUM
    if in_certificate and isinstance(key, rsa.RSAPublicKey):
        if _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA:
            return RSA
        raise UnsupportedError(
            f"{what} is an RSA key of {key.key_size} bits",
            why=f"keys of {_SMALLEST_RSA} to {_LARGEST_RSA} bits are supported",
        )
    raise UnsupportedError(
        f"{what} has a key type that is not supported", fix=f"use one of {', '.join(KEY_TYPES)}"
    )


def hash_for(kind: str) -> "HashAlgorithm":
    """Return the digest that goes with an ECDSA curve (Sigstore's algorithm registry)."""
    from cryptography.hazmat.primitives import hashes

    return {
        "ecdsa-p256": hashes.SHA256(),
        "ecdsa-p384": hashes.SHA384(),
        "ecdsa-p521": hashes.SHA512(),
    }[kind]
