"""DSSE envelopes outside of a bundle, with any number of signatures and whatever their makers put beside each.

Builders put the signer's certificate beside the signature: as PEM (`cert`, slsa-github-generator), or as
base64 of PEM with `intermediates` and `timestamps` (`certificate`, go-witness `dsse.Signature`).
"""

import base64
from collections.abc import Iterator
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.dsse import Envelope, decode_base64
from weightmark.errors import LimitError, MalformedError, WeightmarkError
from weightmark.patterns import lazy_pattern

__all__ = ["bundles_of_envelope"]

_MAX_SIGNATURES = 32
_PEM = lazy_pattern(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")
_PEM_IN_BASE64 = "LS0tLS1"
"""how base64 of PEM begins"""
_RFC3161 = "tsp"
_GRANTED = b"\x30\x03\x02\x01\x00"
"""DER of a `PKIStatusInfo` whose status is 0"""


def bundles_of_envelope(
    fields: dict[str, Any], place: str
) -> Iterator[tuple[str, Bundle | WeightmarkError]]:
    """Yield each signature of an envelope with its place: as a bundle, or why it is none.

    All share one payload. Raises `MalformedError` for what is no envelope, `LimitError` for one with
    over 32 signatures.
    """
    signatures = fields["signatures"]
    if not isinstance(signatures, list) or not signatures:
        raise MalformedError(f"the envelope of {place} has no signatures")
    if len(signatures) > _MAX_SIGNATURES:
        raise LimitError(f"the envelope of {place} has over {_MAX_SIGNATURES} signatures")
    kind = fields["payloadType"]
    if not isinstance(kind, str):
        raise MalformedError(f"the payload type of the envelope of {place} is not a string")
    payload = decode_base64(fields["payload"], f"payload of {place}")
    for number, signature in enumerate(signatures, start=1):
        where = place if len(signatures) == 1 else f"signature {number} of {place}"
        try:
            yield where, _bundle(kind, payload, signature, where)
        except WeightmarkError as error:
            yield where, error


def _bundle(kind: str, payload: bytes, signature: object, where: str) -> Bundle:
    if not isinstance(signature, dict) or not isinstance(signature.get("sig"), str):
        raise MalformedError(f"{where} is no signature")
    envelope = Envelope(kind, payload, decode_base64(signature["sig"], f"signature of {where}"))
    return Bundle.of_envelope(envelope, _material(signature, where), what=where)


def _material(signature: dict[str, Any], where: str) -> dict[str, Any]:
    stamps = [{"signedTimestamp": one} for one in _timestamps(signature, where)]
    beside: dict[str, Any] = {"timestampVerificationData": {"rfc3161Timestamps": stamps}}
    leaf = signature.get("cert") or signature.get("certificate")
    if isinstance(leaf, str) and leaf:
        others = _list(signature, "intermediates", where)
        ders = [der for one in (leaf, *others) for der in _certificates(one, where)]
        raw = [{"rawBytes": der} for der in ders]
        if len(raw) == 1:
            return {"certificate": raw[0], **beside}
        return {"x509CertificateChain": {"certificates": raw}, **beside}
    hint = signature.get("keyid")
    return {"publicKey": {"hint": hint} if isinstance(hint, str) and hint else {}, **beside}


def _list(signature: dict[str, Any], name: str, where: str) -> list[Any]:
    value = signature.get(name) or []
    if not isinstance(value, list):
        raise MalformedError(f"`{name}` of {where} is not a list")
    if len(value) > _MAX_SIGNATURES:
        raise LimitError(f"`{name}` of {where} holds more than {_MAX_SIGNATURES} items")
    return value


def _certificates(text: object, where: str) -> list[str]:
    """Return base64 of the DER of each certificate in PEM, in base64 of PEM or in base64 of DER."""
    if not isinstance(text, str):
        raise MalformedError(f"a certificate of {where} is not a string")
    if text.startswith(_PEM_IN_BASE64):
        pem = decode_base64(text, f"certificate of {where}")
        text = pem.decode("ascii", errors="replace")
    if "-----BEGIN" not in text:
        return [text]
    found = ["".join(body.split()) for body in _PEM.findall(text)]
    if not found:
        raise MalformedError(f"a certificate of {where} is not PEM")
    return found


def _timestamps(signature: dict[str, Any], where: str) -> Iterator[str]:
    """Yield base64 of an RFC 3161 response around each token; timestamps of other kinds prove nothing here."""
    for one in _list(signature, "timestamps", where):
        if not isinstance(one, dict):
            raise MalformedError(f"a timestamp of {where} is not a JSON object")
        if one.get("type") == _RFC3161:
            token = decode_base64(one.get("data"), f"timestamp of {where}")
            yield base64.b64encode(_sequence(_GRANTED + token)).decode("ascii")


def _sequence(content: bytes) -> bytes:
    """Return the DER of a SEQUENCE."""
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - longer ones say how many bytes their length has
        return bytes([0x30, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(length)]) + length + content
