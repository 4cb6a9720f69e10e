"""Forms of 2024 (model-signing 0.2), read only when the caller allows it.

They are weaker: the signed encoding is no DSSE, the digest is SHA-256 whatever the curve, and the
statement says neither how files were found nor which were left out.
"""

import re

from weightmark.attestations.bundles.dsse import Envelope
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.names import path_problem

__all__ = [
    "LEGACY_PREDICATE",
    "has_signed",
    "legacy_encoding",
    "legacy_files",
    "refuse_legacy",
]

LEGACY_PREDICATE = "https://model_signing/Digests/v0.1"
_SHA256 = re.compile(r"[0-9a-f]{64}")


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


def legacy_files(statement: Statement) -> dict[str, str]:
    """Return path to SHA-256 hex: every file is a subject; raises `MalformedError`."""
    found: dict[str, str] = {}
    for subject in statement.subjects:
        if path_problem(subject.name) or not subject.name:
            raise MalformedError(f"the file name `{subject.name[:100]}` is not canonical")
        if subject.name in found:
            raise MalformedError(f"the file `{subject.name[:100]}` stands twice")
        if not _SHA256.fullmatch(subject.sha256):
            raise MalformedError(f"the file `{subject.name[:100]}` has no SHA-256")
        found[subject.name] = subject.sha256
    return found
