"""Key pairs: generated, written with care, loaded, and named by fingerprints."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weightmark.errors import (
    CallError,
    KeyLockedError,
    TrustMissingError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.sidecars import read_named

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

    AnyPublicKey = EllipticCurvePublicKey | Ed25519PublicKey
    AnyPrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey

__all__ = ["KEY_TYPES", "Passphrase", "PrivateKey", "PublicKey"]

KEY_TYPES = {
    "ecdsa-p256": "secp256r1",
    "ecdsa-p384": "secp384r1",
    "ecdsa-p521": "secp521r1",
    "ed25519": "",
}
"""supported key types, and the curve that OpenSSL names for each"""
_TYPE_OF_CURVE = {curve: kind for kind, curve in KEY_TYPES.items()}
_MAX_KEY_FILE = 64 * 1024

Passphrase = Callable[[str], bytes | None]
"""asked with the path of an encrypted key; returns its passphrase, or None when there is none"""


@dataclass(frozen=True, eq=False)
class PublicKey:
    """A public key of a supported type."""

    key: "AnyPublicKey"
    """the key itself"""
    kind: str
    """one of `KEY_TYPES`"""

    @classmethod
    def from_pem(cls, data: bytes, *, what: str = "the key") -> Self:
        """Read a PEM SubjectPublicKeyInfo; raises `TrustMissingError` or `UnsupportedError`."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        if b"PRIVATE KEY" in data:
            raise CallError(
                f"{what} is a private key, and this call needs the public one",
                why="whoever checks should not hold the signer's secret",
                fix="name the `.pub` file, or extract it with `weightmark key show --public KEY`",
            )
        try:
            key = load_pem_public_key(data)
        except Exception as error:
            raise TrustMissingError(f"{what} is not a public key in PEM form") from error
        return cls(key, _kind_of(key, what))  # type: ignore[arg-type] # _kind_of refuses every other type

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a public key file; raises `CallError` when there is none, `TrustMissingError` when it can't be read."""
        return cls.from_pem(_read_key_file(Path(path)), what=f"`{path}`")

    @cached_property
    def pem(self) -> bytes:
        """SubjectPublicKeyInfo in PEM, with a final line feed."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the DER SubjectPublicKeyInfo, lowercase hex."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return hashlib.sha256(
            self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).hexdigest()

    @property
    def identity(self) -> str:
        """How this key is named as a signer: `key:<fingerprint>`."""
        return f"key:{self.fingerprint}"

    @cached_property
    def hint(self) -> str:
        """SHA-256 of the PEM text, lowercase hex: what OMS bundles carry."""
        return hashlib.sha256(self.pem).hexdigest()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether `signature` over `message` was made with this key."""
        from cryptography.exceptions import InvalidSignature

        try:
            if self.kind == "ed25519":
                self.key.verify(signature, message)  # type: ignore[call-arg] # Ed25519 takes two arguments
            else:
                from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

                self.key.verify(signature, message, ECDSA(_hash_for(self.kind)))  # type: ignore[call-arg] # ECDSA takes three
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, eq=False)
class PrivateKey:
    """A private key of a supported type."""

    key: "AnyPrivateKey"
    """the key itself"""
    kind: str
    """one of `KEY_TYPES`"""

    @classmethod
    def generate(cls, kind: str = "ecdsa-p256") -> Self:
        """Make a new key; raises `CallError` for an unknown kind."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        if kind not in KEY_TYPES:
            raise CallError(f"`{kind}` is no key type", fix=f"use one of {', '.join(KEY_TYPES)}")
        if kind == "ed25519":
            return cls(ed25519.Ed25519PrivateKey.generate(), kind)
        curves: dict[str, ec.EllipticCurve] = {
            "ecdsa-p256": ec.SECP256R1(),
            "ecdsa-p384": ec.SECP384R1(),
            "ecdsa-p521": ec.SECP521R1(),
        }
        return cls(ec.generate_private_key(curves[kind]), kind)

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: Passphrase | None = None) -> Self:
        """Read a PEM key file; raises `TrustMissingError`, `KeyLockedError`, `UnsupportedError` or `CallError`."""
        data = _read_key_file(Path(path))
        if b"PUBLIC KEY" in data:
            raise CallError(
                f"`{path}` is a public key, and signing needs the private one",
                fix="name the private key file",
            )
        secret = None
        if b"ENCRYPTED" in data:
            secret = passphrase(str(path)) if passphrase else None
            if not secret:
                raise KeyLockedError(
                    f"the key `{path}` is encrypted and no passphrase was given",
                    fix="set `WEIGHTMARK_PASSPHRASE`, use `--passphrase-file`, or run in a terminal to be asked",
                )
        key = _load_pem_private(data, secret, str(path))
        return cls(key, _kind_of(key.public_key(), f"`{path}`"))

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.key.public_key(), self.kind)

    def sign(self, message: bytes) -> bytes:
        """Sign `message`: DER for ECDSA (SHA-256, -384 or -512 by curve), 64 bytes for Ed25519."""
        if self.kind == "ed25519":
            return self.key.sign(message)  # type: ignore[call-arg] # Ed25519 takes one argument
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        return self.key.sign(message, ECDSA(_hash_for(self.kind)))  # type: ignore[call-arg] # ECDSA takes two

    def to_pem(self, passphrase: bytes | None) -> bytes:
        """Return PKCS#8 PEM, encrypted when a passphrase is given."""
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def _hash_for(kind: str) -> "HashAlgorithm":
    from cryptography.hazmat.primitives import hashes

    return {
        "ecdsa-p256": hashes.SHA256(),
        "ecdsa-p384": hashes.SHA384(),
        "ecdsa-p521": hashes.SHA512(),
    }[kind]


def _kind_of(key: object, what: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _TYPE_OF_CURVE:
        return _TYPE_OF_CURVE[key.curve.name]
    raise UnsupportedError(
        f"{what} has a key type that is not supported", fix=f"use one of {', '.join(KEY_TYPES)}"
    )


def _load_pem_private(data: bytes, secret: bytes | None, path: str) -> "AnyPrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if secret:
            raise KeyLockedError(
                f"the passphrase does not open the key `{path}`",
                fix="check the passphrase and the file",
            ) from error
        raise TrustMissingError(
            f"`{path}` is not a private key in PEM form",
            fix="make one with `weightmark key generate`",
        ) from error
    _kind_of(key.public_key(), f"`{path}`")
    return key  # type: ignore[return-value] # _kind_of refuses every other type


def _read_key_file(path: Path) -> bytes:
    try:
        return read_named(path, "key", limit=_MAX_KEY_FILE)
    except CallError:
        raise
    except WeightmarkError as error:
        raise TrustMissingError(
            f"no key can be read from `{path}`", why=error.what, fix="check the path"
        ) from error
