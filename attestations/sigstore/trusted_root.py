"""Trusted roots (protobuf-specs `TrustedRoot`): which logs, authorities and clocks count, and when.

A root decides what is believed, so it is read whole or not at all: an unknown field or a missing
start of a validity makes it unusable (`TrustMissingError`).
"""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.bundles.proto_json import read_base64, read_list, read_text
from weightmark.attestations.keys import PublicKey
from weightmark.attestations.sigstore.chains import load_certificate
from weightmark.attestations.sigstore.packaged import PUBLIC_GOOD, STAGING, packaged_root
from weightmark.attestations.sigstore.time_ranges import TimeRange
from weightmark.errors import LimitError, MalformedError, TrustMissingError, UnsupportedError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["Authority", "LogKey", "TrustedRoot"]

_MEDIA_TYPES = frozenset(
    [
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    ]
)
_KINDS = {
    "PKIX_ECDSA_P256_SHA_256": "ecdsa-p256",
    "PKIX_ECDSA_P384_SHA_384": "ecdsa-p384",
    "PKIX_ECDSA_P521_SHA_512": "ecdsa-p521",
    "PKIX_ED25519": "ed25519",
    "PKCS1_RSA_PKCS1V5": "rsa",
    "PKIX_RSA_PKCS1V5": "rsa",
    "PKIX_RSA_PKCS1V15_2048_SHA256": "rsa",
    "PKIX_RSA_PKCS1V15_3072_SHA256": "rsa",
    "PKIX_RSA_PKCS1V15_4096_SHA256": "rsa",
}
_MAX_SIZE = 4 * 1024 * 1024
_MAX_ITEMS = 128
_MAX_CHAIN = 16
_MAX_TEXT = 4096
_MAX_RAW = 128 * 1024


@dataclass(frozen=True)
class LogKey:
    """The key of a transparency log, within its window."""

    url: str
    """where the log answers; empty when the root does not say"""
    key_id: bytes
    """how entries name it"""
    details: str
    """protobuf-specs `PublicKeyDetails`, for example `PKIX_ECDSA_P256_SHA_256`"""
    raw: bytes
    """DER"""
    validity: TimeRange
    """when it counts"""

    @property
    def name(self) -> str:
        """The log's host, by which it is named in output."""
        return _host(self.url) or self.key_id.hex()

    def __getstate__(self) -> dict[str, Any]:
        """Go to another process without what was parsed here."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def key(self) -> PublicKey:
        """The key itself; raises `UnsupportedError` or `TrustMissingError`."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        kind = _KINDS.get(self.details)
        if kind is None:
            raise UnsupportedError(
                f"the key of the log `{self.name}` is of the kind `{self.details[:80]}`",
                why="this kind is not supported",
            )
        try:
            key = PublicKey.of(
                load_der_public_key(self.raw), f"the key of `{self.name}`", in_certificate=True
            )
        except (ValueError, UnsupportedAlgorithm) as error:
            raise TrustMissingError(f"the key of the log `{self.name}` can't be read") from error
        if key.kind != kind:
            raise TrustMissingError(f"the key of the log `{self.name}` is not what its root says")
        return key


@dataclass(frozen=True)
class Authority:
    """A certificate or timestamp authority: its chain, within its window."""

    url: str
    """where it answers; empty when unknown"""
    chain: tuple[bytes, ...]
    """DER certificates, the one that signs first, the root last"""
    validity: TimeRange | None
    """when it counts; None when only its certificates say"""

    @property
    def name(self) -> str:
        """Its host, else the name in its first certificate."""
        return _host(self.url) or self.certificates[0].subject.rfc4514_string()

    def __getstate__(self) -> dict[str, Any]:
        """Go to another process without what was parsed here."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def counts_at(self, moments: Iterable[datetime]) -> bool:
        """Tell whether all these moments lie in its window."""
        return self.validity is None or all(map(self.validity.holds, moments))

    @cached_property
    def certificates(self) -> tuple["Certificate", ...]:
        """The chain, parsed; raises `TrustMissingError`."""
        try:
            return tuple(
                load_certificate(one, "a certificate of the trust root") for one in self.chain
            )
        except MalformedError as error:
            raise TrustMissingError(error.what) from error


@dataclass(frozen=True)
class TrustedRoot:
    """Everything that a verifier believes beforehand."""

    logs: tuple[LogKey, ...]
    """Rekor: transparency logs"""
    certificate_authorities: tuple[Authority, ...]
    """Fulcio: who ties keys to identities"""
    certificate_logs: tuple[LogKey, ...]
    """logs of certificates, whose promises certificates carry"""
    timestamp_authorities: tuple[Authority, ...]
    """RFC 3161 clocks"""

    @classmethod
    def parse(cls, data: bytes, *, what: str = "the trust root") -> Self:
        """Read a `trusted_root.json`; raises `TrustMissingError`, which says what is wrong with it."""
        try:
            return cls._parse(data, what)
        except (MalformedError, LimitError, UnsupportedError) as error:
            raise TrustMissingError(
                f"{what} is unusable",
                why=error.what,
                fix="get it again from whoever runs the instance",
            ) from error

    @classmethod
    @cache
    def public_good(cls) -> "TrustedRoot":
        """Return the packaged root of the public-good instance; raises `TrustMissingError`."""
        return cls.parse(packaged_root(PUBLIC_GOOD), what="the packaged trust root")

    @classmethod
    @cache
    def staging(cls) -> "TrustedRoot":
        """Return the packaged root of the staging instance; raises `TrustMissingError`."""
        return cls.parse(packaged_root(STAGING), what="the packaged trust root")

    @classmethod
    def _parse(cls, data: bytes, what: str) -> Self:
        document = parse_object(data, what=what, max_size=_MAX_SIZE)
        require_fields(
            document,
            what,
            {"mediaType"},
            optional={"tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"},
        )
        media_type = document["mediaType"]
        if not isinstance(media_type, str) or media_type not in _MEDIA_TYPES:
            raise MalformedError(f"{what} has another media type than a trusted root")
        return cls(
            _logs(document, "tlogs", what),
            _authorities(document, "certificateAuthorities", what),
            _logs(document, "ctlogs", what),
            _authorities(document, "timestampAuthorities", what),
        )


def _host(url: str) -> str:
    """Return the host in an address, else the text as it is."""
    try:
        return urlsplit(url).netloc or url
    except ValueError:
        return url


def _logs(document: dict[str, Any], name: str, what: str) -> tuple[LogKey, ...]:
    return tuple(
        _log(item, f"`{name}` {number} of {what}")
        for number, item in enumerate(read_list(document, name, what, limit=_MAX_ITEMS), 1)
    )


def _log(value: object, what: str) -> LogKey:
    document = require_fields(
        value,
        what,
        {"publicKey", "logId"},
        optional={"baseUrl", "hashAlgorithm", "checkpointKeyId", "operator"},
    )
    if document.get("hashAlgorithm", "SHA2_256") != "SHA2_256":
        raise UnsupportedError(f"{what} hashes with another algorithm than SHA-256")
    key = require_fields(
        document["publicKey"], f"the key of {what}", {"rawBytes", "keyDetails", "validFor"}
    )
    log_id = require_fields(document["logId"], f"the id of {what}", {"keyId"})
    key_id = read_base64(log_id, "keyId", what, limit=_MAX_TEXT)
    if not key_id:
        raise MalformedError(f"{what} has no id")
    return LogKey(
        read_text(document, "baseUrl", what, limit=_MAX_TEXT),
        key_id,
        read_text(key, "keyDetails", what, limit=_MAX_TEXT),
        read_base64(key, "rawBytes", what, limit=_MAX_RAW),
        TimeRange.from_json(key["validFor"], what),
    )


def _authorities(document: dict[str, Any], name: str, what: str) -> tuple[Authority, ...]:
    return tuple(
        _authority(item, f"`{name}` {number} of {what}")
        for number, item in enumerate(read_list(document, name, what, limit=_MAX_ITEMS), 1)
    )


def _authority(value: object, what: str) -> Authority:
    document = require_fields(
        value, what, {"certChain", "validFor"}, optional={"subject", "uri", "operator"}
    )
    chain = require_fields(document["certChain"], f"the chain of {what}", {"certificates"})
    items = read_list(chain, "certificates", what, limit=_MAX_CHAIN)
    if not items:
        raise MalformedError(f"the chain of {what} is empty")
    certificates = tuple(
        read_base64(require_fields(item, what, {"rawBytes"}), "rawBytes", what, limit=_MAX_RAW)
        for item in items
    )
    return Authority(
        read_text(document, "uri", what, limit=_MAX_TEXT),
        certificates,
        TimeRange.from_json(document["validFor"], what),
    )
