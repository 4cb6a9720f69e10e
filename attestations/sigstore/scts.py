"""Signed certificate timestamps (RFC 6962 §3.2): that a certificate was put into a public log."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from weightmark.attestations.sigstore.trusted_root import LogKey
from weightmark.errors import (
    LimitError,
    MalformedError,
    UnsupportedError,
    WrongSignerError,
)

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

__all__ = ["check_scts"]

_MAX_SCTS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_V1_PRECERTIFICATE = b"\x00\x00"
_PRECERTIFICATE_ENTRY = b"\x00\x01"


def check_scts(leaf: "Certificate", issuer: "Certificate", logs: Sequence[LogKey]) -> int:
    """Return how many of the known certificate logs vouch for `leaf`.

    Promises by unknown logs are not counted. Raises `WrongSignerError` when a known log's promise
    is not good, `ExpiredError` when the log did not count then, `MalformedError` for a damaged list.
    """
    seen: set[bytes] = set()
    for sct in _embedded(leaf):
        found = [log for log in logs if log.key_id == sct.log_id]
        if not found:
            continue
        log = next((one for one in found if one.validity.holds(_utc(sct))), found[0])
        log.validity.check(_utc(sct), f"the certificate log `{log.name}`")
        if not log.key.verifies(sct.signature, _signed(sct, leaf, issuer)):
            raise WrongSignerError(
                f"the certificate log `{log.name}` did not see the signer's certificate",
                why="the promise in the certificate is not signed by the log's key",
            )
        seen.add(sct.log_id)
    return len(seen)


def _embedded(leaf: "Certificate") -> Sequence["SignedCertificateTimestamp"]:
    from cryptography.x509 import PrecertificateSignedCertificateTimestamps

    try:
        found = [
            sct
            for extension in leaf.extensions
            if isinstance(extension.value, PrecertificateSignedCertificateTimestamps)
            for sct in extension.value
        ]
    except ValueError as error:
        raise MalformedError(
            "the log promises in the signer's certificate can't be read"
        ) from error
    if len(found) > _MAX_SCTS:
        raise LimitError(f"the signer's certificate holds more than {_MAX_SCTS} log promises")
    return found


def _utc(sct: "SignedCertificateTimestamp") -> datetime:
    return sct.timestamp.replace(tzinfo=UTC)


def _signed(sct: "SignedCertificateTimestamp", leaf: "Certificate", issuer: "Certificate") -> bytes:
    """Return the bytes that a log signs for a precertificate."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        tbs = leaf.tbs_precertificate_bytes
    except ValueError as error:
        raise UnsupportedError(
            "the signer's certificate can't be brought in its logged form"
        ) from error
    spki = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    milliseconds = (_utc(sct) - _EPOCH) // timedelta(milliseconds=1)
    return b"".join(
        (
            _V1_PRECERTIFICATE,
            milliseconds.to_bytes(8, "big"),
            _PRECERTIFICATE_ENTRY,
            hashlib.sha256(spki).digest(),
            len(tbs).to_bytes(3, "big"),
            tbs,
            len(sct.extension_bytes).to_bytes(2, "big"),
            sct.extension_bytes,
        )
    )
