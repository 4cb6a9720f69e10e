"""DSSE envelopes (secure-systems-lab DSSE v1.0).

The payload is kept as the exact bytes that were signed: it is verified first, parsed after, and
never serialized again in between.
"""

import base64
import binascii
import hashlib
import json
from typing import Any

from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = [
    "IN_TOTO_PAYLOAD_TYPE",
    "Envelope",
    "decode_base64",
    "pre_authentication_encoding",
    "require_fields",
]

IN_TOTO_PAYLOAD_TYPE = "application/vnd.in-toto+json"


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature covers (PAE, protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with exactly one signature."""

    payload_type: str
    """media type of the payload"""
    payload: bytes
    """the signed bytes"""
    signature: bytes
    """raw signature over the PAE"""

    @property
    def pae(self) -> bytes:
        """The bytes that the signature covers."""
        return pre_authentication_encoding(self.payload_type, self.payload)

    @property
    def claim_id(self) -> str:
        """SHA-256 of the PAE, lowercase hex: names the claim, however its signature is encoded."""
        return hashlib.sha256(self.pae).hexdigest()

    @classmethod
    def from_json(cls, value: object) -> "Envelope":
        """Read the JSON form; raises `MalformedError`."""
        fields = require_fields(
            value, "the DSSE envelope", {"payload", "payloadType", "signatures"}
        )
        signatures = fields["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise MalformedError("the DSSE envelope does not hold exactly one signature")
        signature = require_fields(signatures[0], "the DSSE signature", {"sig"}, optional={"keyid"})
        if signature.get("keyid") not in (None, "") and not isinstance(signature["keyid"], str):
            raise MalformedError("the key id of the DSSE signature is not a string")
        kind = fields["payloadType"]
        if not isinstance(kind, str):
            raise MalformedError("the payload type of the DSSE envelope is not a string")
        return cls(
            kind,
            decode_base64(fields["payload"], "payload"),
            decode_base64(signature["sig"], "signature"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, as the reference signer writes it."""
        return {
            "payload": base64.b64encode(self.payload).decode("ascii"),
            **self._beside_payload(),
        }

    def to_parts(self) -> tuple[bytes, ...]:
        """Return compact JSON in parts, so that a large payload is not copied again and again."""
        beside = json.dumps(self._beside_payload(), separators=(",", ":")).encode("ascii")
        return (b'{"payload":"', base64.b64encode(self.payload), b'",', beside[1:])

    def _beside_payload(self) -> dict[str, Any]:
        return {
            "payloadType": self.payload_type,
            "signatures": [{"sig": base64.b64encode(self.signature).decode("ascii"), "keyid": ""}],
        }


def decode_base64(value: object, what: str) -> bytes:
    """Decode standard base64 with padding (RFC 4648 §4, canonical); raises `MalformedError`."""
    if not isinstance(value, str):
        raise MalformedError(f"the {what} is not a base64 string")
    try:
        data = binascii.a2b_base64(value, strict_mode=True)
    except ValueError as error:
        raise MalformedError(f"the {what} is not base64") from error
    # Strict decoding leaves no choice but in the last group, whose spare bits may be anything.
    last = base64.b64encode(data[-(len(data) % 3 or 3) :]).decode("ascii")
    if len(value) != (len(data) + 2) // 3 * 4 or not value.endswith(last):
        raise MalformedError(f"the {what} is not canonical base64")
    return data


def require_fields(
    value: object,
    what: str,
    required: set[str],
    *,
    optional: frozenset[str] | set[str] = frozenset(),
) -> dict[str, Any]:
    """Return `value` as an object with exactly these fields; raises `MalformedError`."""
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not a JSON object")
    if value.keys() == required:
        return value
    missing = sorted(required - value.keys())
    unknown = sorted(value.keys() - required - optional)
    if missing:
        raise MalformedError(f"{what} lacks `{missing[0]}`")
    if unknown:
        raise MalformedError(f"{what} has an unknown field `{unknown[0][:80]}`")
    return value
