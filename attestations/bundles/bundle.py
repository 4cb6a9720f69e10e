"""Sigstore bundles (protobuf-specs `Bundle` v0.1 to v0.3), the one container for every claim.

Parsed strictly; unknown fields are refused. What is sound but not supported by this version is
`UnsupportedError`, never a verdict of tampering.
"""

import base64
import json
from typing import Any

from weightmark.attestations.bundles.dsse import Envelope, require_fields
from weightmark.attestations.bundles.log_entry import InclusionProof, LogEntry
from weightmark.attestations.bundles.material import (
    CertificateChain,
    KeyHint,
    Material,
    parse_material,
)
from weightmark.attestations.bundles.message_signature import MessageSignature
from weightmark.attestations.bundles.proto_json import read_base64, read_list
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = [
    "BUNDLE_MEDIA_TYPE",
    "Bundle",
    "CertificateChain",
    "InclusionProof",
    "KeyHint",
    "LogEntry",
    "MessageSignature",
]

BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_VERSION = "0.3"
_VERSIONS = {
    BUNDLE_MEDIA_TYPE: "0.3",
    **{f"application/vnd.dev.sigstore.bundle+json;version=0.{n}": f"0.{n}" for n in (1, 2, 3)},
}
_MEDIA_TYPES = {
    **{version: media_type for media_type, version in _VERSIONS.items()},
    _VERSION: BUNDLE_MEDIA_TYPE,
}
_ANY_BUNDLE = lazy_pattern(
    r"application/vnd\.dev\.sigstore\.bundle(?:\.v\d+\.\d+\+json|\+json;version=\d+\.\d+)\Z"
)
_MATERIAL_FIELDS = {
    "publicKey",
    "certificate",
    "x509CertificateChain",
    "tlogEntries",
    "timestampVerificationData",
}
_MAX_LOG_ENTRIES = 32
_MAX_TIMESTAMPS = 32
_MAX_TIMESTAMP = 256 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle. Parsing proves nothing: see `weightmark.attestations.trust`."""

    material: Material
    """what the bundle says about its signer"""
    content: Envelope | MessageSignature
    """the signed statement, or a signature over a file that is elsewhere"""
    log_entries: tuple[LogEntry, ...] = ()
    """entries of transparency logs"""
    timestamps: tuple[bytes, ...] = ()
    """RFC 3161 `TimeStampResp` over the signature, DER"""
    version: str = _VERSION
    """`0.1`, `0.2` or `0.3`"""

    @classmethod
    def parse(cls, data: bytes, *, what: str = "the bundle") -> "Bundle":
        """Parse one bundle; raises `MalformedError`, `LimitError` or `UnsupportedError`."""
        return cls.from_json(parse_object(data, what=what), what=what)

    @classmethod
    def from_json(cls, fields: dict[str, Any], *, what: str = "the bundle") -> "Bundle":
        """Read the JSON form of one bundle; raises as `parse`."""
        version = _parse_version(fields.get("mediaType"), what)
        signed = [name for name in ("dsseEnvelope", "messageSignature") if name in fields]
        if len(signed) != 1:
            raise MalformedError(f"{what} does not hold exactly one signed thing")
        require_fields(fields, what, {"mediaType", "verificationMaterial", signed[0]})
        material = _require_material(fields["verificationMaterial"], what)
        content: Envelope | MessageSignature
        if signed[0] == "dsseEnvelope":
            content = Envelope.from_json(fields["dsseEnvelope"])
        else:
            content = MessageSignature.from_json(fields["messageSignature"])
        return cls._of(content, material, version, what)

    @classmethod
    def of_envelope(cls, envelope: Envelope, material: object, *, what: str) -> "Bundle":
        """Make the bundle of an envelope and the JSON form of what is known of its signer; raises as `parse`."""
        return cls._of(envelope, _require_material(material, what), _VERSION, what)

    @classmethod
    def _of(
        cls,
        content: Envelope | MessageSignature,
        material: dict[str, Any],
        version: str,
        what: str,
    ) -> "Bundle":
        return cls(
            parse_material(material, what),
            content,
            _parse_entries(material, what),
            _parse_timestamps(material, what),
            version,
        )

    @property
    def envelope(self) -> Envelope:
        """The signed statement; raises `UnsupportedError` when the bundle signs a file's bytes."""
        if isinstance(self.content, Envelope):
            return self.content
        raise UnsupportedError(
            "the bundle signs bytes instead of a statement",
            why="a signature over the bytes of one file says nothing of a model",
        )

    @property
    def certificate_chain(self) -> CertificateChain | None:
        """The signer's certificates; None when the bundle is signed with a bare key."""
        return self.material if isinstance(self.material, CertificateChain) else None

    @property
    def key_hint(self) -> str:
        """Which key the bundle says it was signed with; empty for certificates."""
        return self.material.text if isinstance(self.material, KeyHint) else ""

    def to_bytes(self) -> bytes:
        """Return compact JSON without a line end, as the reference signer writes it."""
        material: dict[str, Any] = {
            **self.material.to_json(),
            "tlogEntries": [entry.to_json() for entry in self.log_entries],
        }
        if self.timestamps:
            stamps = [{"signedTimestamp": _encoded(one)} for one in self.timestamps]
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        name = "dsseEnvelope" if isinstance(self.content, Envelope) else "messageSignature"
        document = {"mediaType": _MEDIA_TYPES[self.version], "verificationMaterial": material}
        head = json.dumps(document, separators=(",", ":")).encode("ascii")
        return b"".join([head[:-1], f',"{name}":'.encode(), *self.content.to_parts(), b"}"])


def _parse_version(media_type: object, what: str) -> str:
    if not isinstance(media_type, str):
        raise MalformedError(f"{what} is not a Sigstore bundle", why="it has no `mediaType`")
    if media_type in _VERSIONS:
        return _VERSIONS[media_type]
    if _ANY_BUNDLE.match(media_type):
        raise UnsupportedError(
            f"{what} is a bundle of a version that is not known",
            why="v0.1, v0.2 and v0.3 are",
            fix="verify with a newer weightmark, or sign again with a current tool",
        )
    raise MalformedError(
        f"{what} is not a Sigstore bundle", why="its `mediaType` is none of a bundle"
    )


def _require_material(value: object, what: str) -> dict[str, Any]:
    name = f"the verification material of {what}"
    return require_fields(value, name, set(), optional=_MATERIAL_FIELDS)


def _parse_entries(material: dict[str, Any], what: str) -> tuple[LogEntry, ...]:
    items = read_list(material, "tlogEntries", what, limit=_MAX_LOG_ENTRIES)
    return tuple(LogEntry.from_json(item, number) for number, item in enumerate(items, 1))


def _parse_timestamps(material: dict[str, Any], what: str) -> tuple[bytes, ...]:
    if material.get("timestampVerificationData") is None:
        return ()
    name = f"the timestamps of {what}"
    data = require_fields(
        material["timestampVerificationData"], name, set(), optional={"rfc3161Timestamps"}
    )
    stamps = []
    for item in read_list(data, "rfc3161Timestamps", name, limit=_MAX_TIMESTAMPS):
        field = require_fields(item, f"one of {name}", {"signedTimestamp"})
        stamps.append(read_base64(field, "signedTimestamp", name, limit=_MAX_TIMESTAMP))
    if not all(stamps):
        raise MalformedError(f"one of {name} is empty")
    return tuple(stamps)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
