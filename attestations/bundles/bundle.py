"""Sigstore bundles (protobuf-specs `Bundle` v0.3), the one container for every claim.

Parsed strictly; unknown fields are refused. What is sound but not supported by this version is
`UnsupportedError`, never a verdict of tampering.
"""

import json
from dataclasses import dataclass
from typing import Any

from weightmark.attestations.bundles.dsse import Envelope, require_fields
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.strict_json import parse_object

__all__ = ["BUNDLE_MEDIA_TYPE", "Bundle", "KeyHint"]

BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_SAME_MEDIA_TYPES = frozenset(
    [BUNDLE_MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"]
)
_OLDER_MEDIA_TYPES = frozenset(
    f"application/vnd.dev.sigstore.bundle+json;version=0.{n}" for n in (1, 2)
)
_MATERIAL_KINDS = ("publicKey", "certificate", "x509CertificateChain")
_MAX_HINT = 4096
_MATERIAL_FIELDS = {*_MATERIAL_KINDS, "tlogEntries", "timestampVerificationData"}


@dataclass(frozen=True, slots=True)
class KeyHint:
    """Which key a bundle says it was signed with; a hint, never a proof."""

    text: str
    """for OMS the SHA-256 of the public key's PEM text, lowercase hex; empty when absent"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle. Parsing proves nothing: see `weightmark.attestations.trust`."""

    material: KeyHint
    """what the bundle says about its signer"""
    envelope: Envelope
    """the signed statement"""

    @classmethod
    def parse(cls, data: bytes, *, what: str = "the bundle") -> "Bundle":
        """Parse one bundle; raises `MalformedError`, `LimitError` or `UnsupportedError`."""
        fields = parse_object(data, what=what)
        media_type = fields.get("mediaType")
        if not isinstance(media_type, str):
            raise MalformedError(f"{what} is not a Sigstore bundle", why="it has no `mediaType`")
        if media_type in _OLDER_MEDIA_TYPES:
            raise UnsupportedError(
                f"{what} is a bundle of an older version", fix="sign again with a current tool"
            )
        if media_type not in _SAME_MEDIA_TYPES:
            raise MalformedError(
                f"{what} is not a Sigstore bundle", why="its `mediaType` is none of a bundle v0.3"
            )
        if "messageSignature" in fields and "dsseEnvelope" not in fields:
            raise UnsupportedError(f"{what} signs bytes instead of a statement")
        require_fields(fields, what, {"mediaType", "verificationMaterial", "dsseEnvelope"})
        return cls(
            _parse_material(fields["verificationMaterial"], what),
            Envelope.from_json(fields["dsseEnvelope"]),
        )

    def to_bytes(self) -> bytes:
        """Return compact JSON without a line end, as the reference signer writes it."""
        document = {
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": self.material.text}, "tlogEntries": []},
            "dsseEnvelope": self.envelope.to_json(),
        }
        return json.dumps(document, separators=(",", ":")).encode("ascii")


def _parse_material(value: object, what: str) -> KeyHint:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} has no verification material")
    unknown = sorted(value.keys() - _MATERIAL_FIELDS)
    if unknown:
        raise MalformedError(
            f"the verification material of {what} has an unknown field `{unknown[0][:80]}`"
        )
    kinds = [kind for kind in _MATERIAL_KINDS if kind in value]
    if len(kinds) != 1:
        raise MalformedError(
            f"{what} does not name exactly one signer",
            why=f"it holds {len(kinds)} of {', '.join(_MATERIAL_KINDS)}",
        )
    entries, times = value.get("tlogEntries", []), value.get("timestampVerificationData")
    if not isinstance(entries, list) or not isinstance(times, (dict, type(None))):
        raise MalformedError(f"the log entries or timestamps of {what} have the wrong type")
    if kinds[0] != "publicKey":
        raise UnsupportedError(
            f"{what} is signed with a certificate", why="this version verifies signatures by key"
        )
    if entries or times:
        raise UnsupportedError(
            f"{what} holds log entries or timestamps",
            why="this version verifies signatures by key alone",
        )
    return KeyHint(_parse_hint(value["publicKey"], what))


def _parse_hint(value: Any, what: str) -> str:
    if isinstance(value, dict) and {"rawBytes", "keyDetails"} & value.keys():
        # Before 1.1.0 the reference signer put the key itself here; only the caller's key counts.
        require_fields(
            value, f"the public key of {what}", set(), optional={"rawBytes", "keyDetails", "hint"}
        )
        return ""
    fields = require_fields(value, f"the public key of {what}", set(), optional={"hint"})
    hint = fields.get("hint", "")
    if not isinstance(hint, str) or len(hint) > _MAX_HINT:
        raise MalformedError(f"the key hint of {what} is not a short string")
    return hint
