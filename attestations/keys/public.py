"""Public keys: loaded, named by fingerprints, and what verifies signatures."""

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.keys.files import is_private, is_ssh_public, read_key_file
from weightmark.attestations.keys.kinds import RSA, hash_for, kind_of
from weightmark.errors import CallError, TrustMissingError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    AnyPublicKey = EllipticCurvePublicKey | Ed25519PublicKey | MLDSA65PublicKey | RSAPublicKey

__all__ = ["PublicKey"]


@dataclass(frozen=True, eq=False)
class PublicKey:
    """A public key of a supported type."""

    key: "AnyPublicKey"
    """the key itself"""
    kind: str
    """one of `KEY_TYPES`; for a key in a certificate also `rsa`"""

    @classmethod
    def of(cls, key: Any, what: str, *, in_certificate: bool = False) -> Self:
        """Take a key of the library `cryptography`; RSA only `in_certificate`. Raises `UnsupportedError`."""
        return cls(key, kind_of(key, what, in_certificate=in_certificate))

    @classmethod
    def from_pem(cls, data: bytes, *, what: str = "the key") -> Self:
        """Read a PEM SubjectPublicKeyInfo or an SSH public key; raises `TrustMissingError` or `UnsupportedError`."""
        if is_private(data):
            raise CallError(
                f"{what} is a private key, and this call needs the public one",
                why="whoever checks should not hold the signer's secret",
                fix="name the `.pub` file, or extract it with `weightmark key show --public KEY`",
            )
        key = _load_ssh(data, what) if is_ssh_public(data) else _load_pem(data, what)
        return cls.of(key, what)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a public key file; raises `CallError` when there is none, `TrustMissingError` when it can't be read."""
        return cls.from_pem(read_key_file(Path(path)), what=f"`{path}`")

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
            self._verify(self.key, signature, message)
        except InvalidSignature:
            return False
        return True

    def _verify(self, key: Any, signature: bytes, message: bytes) -> None:
        if self.kind == RSA:
            from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
            from cryptography.hazmat.primitives.hashes import SHA256

            key.verify(signature, message, PKCS1v15(), SHA256())
        elif self.kind.startswith("ecdsa-"):
            from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

            key.verify(signature, message, ECDSA(hash_for(self.kind)))
        else:
            key.verify(signature, message)


def _load_pem(data: bytes, what: str) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(data)
    except Exception as error:
        raise TrustMissingError(
            f"{what} is not a public key in PEM or OpenSSH form",
            fix="name the signer's `.pub` file; of a certificate, pass the chain instead",
        ) from error


def _load_ssh(data: bytes, what: str) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    lines = [line for line in data.splitlines() if line.strip()]
    if len(lines) != 1:
        raise TrustMissingError(
            f"{what} holds {len(lines)} SSH keys", fix="put one key a file, and name each file"
        )
    try:
        return load_ssh_public_key(lines[0])
    except UnsupportedAlgorithm:
        return None
    except Exception as error:
        raise TrustMissingError(f"{what} is not an SSH public key") from error
