"""The signed encoding of 2024 (model-signing 0.2), believed only when the caller allows it.

It is no DSSE encoding, and its digest is SHA-256 whatever the curve.
"""

from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.statements import Statement
from weightmark.errors import UnsupportedError, WeightmarkError

__all__ = ["LEGACY_PREDICATE", "has_signed", "legacy_encoding", "refuse_legacy"]

LEGACY_PREDICATE = "https://model_signing/Digests/v0.1"
"""type of the statements that were signed in that encoding"""


def legacy_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that model-signing 0.2 signed, with SHA-256, instead of the DSSE encoding.

    It formatted the payload as a Python literal: `DSSEV1 <len> <type> <len> b'…'`.
    """
    kind = payload_type
    return f"DSSEV1 {len(kind)} {kind} {len(payload)} {payload!r}".encode()


def has_signed(key: PublicKey, envelope: Envelope, *, allow_legacy: bool) -> bool:
    """Tell whether `key` signed the envelope.

    Raises `UnsupportedError` when it signed a statement of 2024 by the encoding of 2024, unless
    `allow_legacy`. That encoding never counts for another statement.
    """
    if key.verifies(envelope.signature, envelope.pae):
        return True
    if not _has_signed_legacy(key, envelope):
        return False
    if not allow_legacy:
        raise refuse_legacy()
    return True


def _has_signed_legacy(key: PublicKey, envelope: Envelope) -> bool:
    try:
        statement = Statement.parse(envelope.payload_type, envelope.payload)
    except WeightmarkError:
        return False
    if statement.predicate_type != LEGACY_PREDICATE:
        return False
    encoded = legacy_encoding(envelope.payload_type, envelope.payload)
    return key.verifies(envelope.signature, encoded) or _verifies_by_sha256(
        key, envelope.signature, encoded
    )


def _verifies_by_sha256(key: PublicKey, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    if not isinstance(key.key, EllipticCurvePublicKey):
        return False
    try:
        key.key.verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def refuse_legacy() -> UnsupportedError:
    """Say that the form of 2024 has to be asked for."""
    return UnsupportedError(
        "the signature has the form of 2024 (`Digests/v0.1`)",
        why="it is weaker than later forms: it does not say which files were left out",
        fix="sign the model again, or accept it with `--allow-legacy`",
    )
