"""Private keys in files: generated, written with care, and loaded."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from weightmark.attestations.keys.files import (
    is_private,
    is_ssh_private,
    is_ssh_public,
    read_key_file,
)
from weightmark.attestations.keys.kinds import KEY_TYPES, POST_QUANTUM, hash_for, kind_of
from weightmark.attestations.keys.public import PublicKey
from weightmark.errors import (
    CallError,
    ExtraMissingError,
    KeyLockedError,
    TrustMissingError,
    UnsupportedError,
)
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

    AnyPrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | MLDSA65PrivateKey

__all__ = ["Passphrase", "PrivateKey"]

Passphrase = Callable[[str], bytes | None]
"""asked with the path of an encrypted key; returns its passphrase, or None when there is none"""


@dataclass(frozen=True, eq=False)
class PrivateKey:
    """A private key of a supported type, in memory."""

    key: "AnyPrivateKey"
    """the key itself"""
    kind: str
    """one of `KEY_TYPES`"""

    @classmethod
    def generate(cls, kind: str = "ecdsa-p256") -> Self:
        """Make a new key; raises `CallError` for an unknown kind."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

        if kind not in KEY_TYPES:
            raise CallError(f"`{kind}` is no key type", fix=f"use one of {', '.join(KEY_TYPES)}")
        if kind == "ed25519":
            return cls(ed25519.Ed25519PrivateKey.generate(), kind)
        if kind == POST_QUANTUM:
            return cls(mldsa.MLDSA65PrivateKey.generate(), kind)
        curves: dict[str, ec.EllipticCurve] = {
            "ecdsa-p256": ec.SECP256R1(),
            "ecdsa-p384": ec.SECP384R1(),
            "ecdsa-p521": ec.SECP521R1(),
        }
        return cls(ec.generate_private_key(curves[kind]), kind)

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: Passphrase | None = None) -> Self:
        """Read a key file in PEM or OpenSSH form.

        Raises `TrustMissingError`, `KeyLockedError`, `UnsupportedError`, `ExtraMissingError` or `CallError`.
        """
        data = read_key_file(Path(path))
        if b"PUBLIC KEY" in data or is_ssh_public(data):
            raise CallError(
                f"`{path}` is a public key, and signing needs the private one",
                fix="name the private key file",
            )
        secret = None
        if _is_encrypted(data):
            secret = passphrase(str(path)) if passphrase else None
            if not secret:
                raise KeyLockedError(
                    f"the key `{path}` is encrypted and no passphrase was given",
                    fix="set `WEIGHTMARK_PASSPHRASE`, use `--passphrase-file`, or run in a terminal to be asked",
                )
        key = _load_private(data, secret, str(path))
        return cls(key, kind_of(key.public_key(), f"`{path}`"))

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(self.key.public_key(), self.kind)

    def sign(self, message: bytes) -> bytes:
        """Sign `message`: DER for ECDSA (SHA-256, -384 or -512 by curve), raw for Ed25519 and ML-DSA."""
        key: Any = self.key
        if not self.kind.startswith("ecdsa-"):
            return bytes(key.sign(message))
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

        return bytes(key.sign(message, ECDSA(hash_for(self.kind))))

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


def _is_encrypted(data: bytes) -> bool:
    """Look into OpenSSH keys, too: the name of their cipher stands at the front."""
    import base64
    import binascii

    if not is_ssh_private(data):
        return b"ENCRYPTED" in data
    body = b"".join(line for line in data.splitlines() if b"-----" not in line)
    try:
        head = base64.b64decode(body[:64])
    except binascii.Error:
        return False
    return not head.startswith(b"openssh-key-v1\0\0\0\0\x04none")


def _load_private(data: bytes, secret: bytes | None, path: str) -> "AnyPrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    ssh = is_ssh_private(data)
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    if ssh and secret:
        _require_bcrypt(path)
    try:
        key: Any = load(data, password=secret)
    except UnsupportedAlgorithm as error:
        raise _unsupported(path) from error
    except (ValueError, TypeError) as error:
        raise _not_opened(path, given=bool(secret), private=is_private(data)) from error
    kind_of(key.public_key(), f"`{path}`")
    return key  # type: ignore[no-any-return] # kind_of refuses every other type


def _require_bcrypt(path: str) -> None:
    from importlib.util import find_spec

    if find_spec("bcrypt") is None:
        raise ExtraMissingError(
            f"the encrypted SSH key `{path}` can't be opened: `bcrypt` is not installed",
            fix="run `python -m pip install 'weightmark[ssh]'`",
        )


def _unsupported(path: str) -> UnsupportedError:
    return UnsupportedError(
        f"`{path}` has a key type or a cipher that is not supported",
        fix=f"use one of {', '.join(KEY_TYPES)}",
    )


def _not_opened(path: str, *, given: bool, private: bool) -> KeyLockedError | TrustMissingError:
    if given and private:
        return KeyLockedError(
            f"the passphrase does not open the key `{path}`",
            fix="check the passphrase and the file",
        )
    return TrustMissingError(
        f"`{path}` is not a private key in PEM or OpenSSH form",
        fix="make one with `weightmark key generate`",
    )
