"""Cosignatures: what a witness says about a checkpoint, and when (C2SP tlog-cosignature v1.1).

Two types exist. Ed25519 (0x04) covers the whole text of the checkpoint. ML-DSA-44 (0x06) covers
origin, size, root and the witness's name, and withstands quantum computers.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from enum import IntEnum
from typing import Any, Literal, Self

from weightmark.errors import MalformedError, TamperedError, UnsupportedError
from weightmark.provenance.ledger.checkpoint import parse_checkpoint
from weightmark.provenance.ledger.note import (
    SignatureLine,
    check_key_name,
    compute_key_id,
    require_strong_ed25519,
    split_key,
)
from weightmark.values import dataclass

__all__ = ["CosignatureType", "WitnessSigner", "WitnessVerifier", "signed_message"]

_MAX_TIME = 2**63 - 1
_SEED_SIZE = 32
_TIME_SIZE = 8
_PRIVATE = "PRIVATE+KEY+"


class CosignatureType(IntEnum):
    """The type byte of a witness key."""

    ED25519 = 0x04
    """64-byte signatures; every witness client knows them"""
    ML_DSA_44 = 0x06
    """2420-byte signatures (FIPS 204); recommended for new witnesses"""

    @property
    def key_size(self) -> int:
        """Bytes of a public key."""
        return {self.ED25519: 32, self.ML_DSA_44: 1312}[self]

    @property
    def signature_size(self) -> int:
        """Bytes of a signature without its time."""
        return {self.ED25519: 64, self.ML_DSA_44: 2420}[self]


@dataclass(frozen=True, slots=True)
class WitnessVerifier:
    """The public key of a witness, with its name."""

    name: str
    """for example `witness.example.com/one`"""
    kind: CosignatureType
    """the type byte"""
    public_key: bytes
    """32 or 1312 bytes"""

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `<name>+<key id hex>+<base64(type || key)>`; raises `MalformedError` or `UnsupportedError`."""
        name, key_id, key = split_key(vkey, "witness key")
        check_key_name(name)
        if not key or key[0] not in set(CosignatureType):
            raise UnsupportedError(
                f"the key of `{name}` is not a witness key",
                why="a witness signs with a key of the type 0x04 (Ed25519) or 0x06 (ML-DSA-44)",
            )
        kind = CosignatureType(key[0])
        if len(key) != 1 + kind.key_size:
            raise MalformedError(f"the key of the witness `{name}` has the wrong length")
        verifier = cls(name, kind, key[1:])
        if kind is CosignatureType.ED25519:
            require_strong_ed25519(verifier.public_key, name)
        if verifier.key_id.hex() != key_id:
            raise MalformedError(f"the key id of the witness key of `{name}` is not its own")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name, newline, type, key)."""
        return compute_key_id(self.name, self.kind, self.public_key)

    @property
    def vkey(self) -> str:
        """The key as C2SP clients take it."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def wrote(self, line: SignatureLine) -> bool:
        """Return whether a line claims to be by this key; that proves nothing."""
        return line.name == self.name and line.key_id == self.key_id

    def check(self, text: bytes, payload: bytes) -> int:
        """Return when the witness cosigned `text`, in POSIX seconds; `payload` follows the key id.

        Raises `TamperedError` unless the cosignature is good. A time of 0 states no time.
        """
        at = int.from_bytes(payload[:_TIME_SIZE], "big")
        if len(payload) != _TIME_SIZE + self.kind.signature_size or at > _MAX_TIME:
            raise TamperedError(f"the cosignature by `{self.name}` is not good")
        message = signed_message(self.kind, self.name, at, text)
        if not _is_good(self.kind, self.public_key, payload[_TIME_SIZE:], message):
            raise TamperedError(
                f"the cosignature by `{self.name}` is not good",
                why="it is over another checkpoint, or was changed",
            )
        return at


@dataclass(frozen=True, slots=True)
class WitnessSigner:
    """The private key of a witness, with its name."""

    name: str
    """stands in every cosignature"""
    kind: CosignatureType
    """the type byte"""
    seed: bytes = field(repr=False)
    """32 bytes, secret"""

    @classmethod
    def generate(cls, name: str, kind: CosignatureType) -> Self:
        """Make a new key from the system's random source; raises `MalformedError` for a bad name."""
        import secrets

        check_key_name(name)
        return cls(name, kind, secrets.token_bytes(_SEED_SIZE))

    @classmethod
    def parse(cls, skey: str) -> Self:
        """Read `PRIVATE+KEY+<name>+<key id hex>+<base64(type || seed)>`; raises `MalformedError`."""
        if not skey.startswith(_PRIVATE):
            raise MalformedError("the witness key is not a private note key")
        name, key_id, key = split_key(skey.removeprefix(_PRIVATE), "witness key")
        check_key_name(name)
        if len(key) != 1 + _SEED_SIZE or key[0] not in set(CosignatureType):
            raise UnsupportedError("the witness key is of a type that cannot cosign")
        signer = cls(name, CosignatureType(key[0]), key[1:])
        if signer.verifier.key_id.hex() != key_id:
            raise MalformedError("the key id of the witness key is not its own")
        return signer

    @property
    def skey(self) -> str:
        """The private key as text; secret."""
        encoded = base64.b64encode(bytes([self.kind]) + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    @property
    def verifier(self) -> WitnessVerifier:
        """The public half."""
        return WitnessVerifier(self.name, self.kind, _public_key(self.kind, self.seed))

    def cosign(self, text: bytes, at: int) -> SignatureLine:
        """Cosign the text of a checkpoint at a time, in POSIX seconds; raises `MalformedError`.

        Whether the checkpoint extends what was seen before, the caller must have checked.
        """
        if not 0 < at <= _MAX_TIME:
            raise MalformedError(f"`{at}` is no time of a cosignature")
        signature = _sign(self.kind, self.seed, signed_message(self.kind, self.name, at, text))
        return SignatureLine(
            self.name, self.verifier.key_id, at.to_bytes(_TIME_SIZE, "big") + signature
        )


def signed_message(kind: CosignatureType, name: str, at: int, text: bytes) -> bytes:
    """Return what the witness `name` signs at a time about the checkpoint `text`.

    Raises `MalformedError` when the text is no checkpoint.
    """
    checkpoint = parse_checkpoint(text)
    if kind is CosignatureType.ED25519:
        return b"cosignature/v1\ntime %d\n" % at + text
    return b"".join(
        (
            b"subtree/v1\n\0",
            _short_vector(name),
            at.to_bytes(8, "big"),
            _short_vector(checkpoint.origin),
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _short_vector(text: str) -> bytes:
    """Encode as `opaque<1..2^8-1>` (RFC 8446 §3.4)."""
    data = text.encode()
    if not 1 <= len(data) <= 255:  # noqa: PLR2004 - the range of one length byte
        raise MalformedError(f"`{text[:80]}` is too long for an ML-DSA cosignature")
    return bytes([len(data)]) + data


def _is_good(kind: CosignatureType, public_key: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        with _supported():
            _load(kind, "public").from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _public_key(kind: CosignatureType, seed: bytes) -> bytes:
    public: bytes = _private_key(kind, seed).public_key().public_bytes_raw()
    return public


def _sign(kind: CosignatureType, seed: bytes, message: bytes) -> bytes:
    signature: bytes = _private_key(kind, seed).sign(message)
    return signature


def _private_key(kind: CosignatureType, seed: bytes) -> Any:
    private = _load(kind, "private")
    with _supported():
        if kind is CosignatureType.ED25519:
            return private.from_private_bytes(seed)
        return private.from_seed_bytes(seed)


def _load(kind: CosignatureType, half: Literal["private", "public"]) -> Any:
    """Return the key class; raises `UnsupportedError` where the installed library has no ML-DSA."""
    from cryptography.hazmat.primitives.asymmetric import ed25519

    if kind is CosignatureType.ED25519:
        return ed25519.Ed25519PublicKey if half == "public" else ed25519.Ed25519PrivateKey
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError as error:
        raise _no_ml_dsa() from error
    return mldsa.MLDSA44PublicKey if half == "public" else mldsa.MLDSA44PrivateKey


@contextmanager
def _supported() -> Iterator[None]:
    """Turn what the library says about an OpenSSL without ML-DSA into `UnsupportedError`."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        yield
    except UnsupportedAlgorithm as error:
        raise _no_ml_dsa() from error


def _no_ml_dsa() -> UnsupportedError:
    return UnsupportedError(
        "ML-DSA-44 cosignatures need a newer version of `cryptography`",
        fix="run `pip install --upgrade cryptography`",
    )
