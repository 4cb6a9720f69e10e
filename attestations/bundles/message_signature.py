"""Signatures over the bytes of a file (protobuf-specs `MessageSignature`)."""

import base64
import json
from typing import Any

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.bundles.proto_json import read_base64, read_text
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.values import dataclass

__all__ = ["MessageSignature"]

_MAX_SIGNATURE = 64 * 1024
_MAX_DIGEST = 256
_SIZES = {"SHA2_256": 32, "SHA2_384": 48, "SHA2_512": 64}


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a file that is not in the bundle."""

    signature: bytes
    """raw signature"""
    algorithm: str
    """of the digest: `SHA2_256`, `SHA2_384`, `SHA2_512`; empty when there is none"""
    digest: bytes
    """what the signer says is the file's digest, which nothing proves"""

    @classmethod
    def from_json(cls, value: object) -> "MessageSignature":
        """Read the JSON form; raises `MalformedError` or `UnsupportedError`."""
        what = "the message signature"
        fields = require_fields(value, what, {"signature"}, optional={"messageDigest"})
        signature = read_base64(fields, "signature", what, limit=_MAX_SIGNATURE)
        if not signature:
            raise MalformedError(f"{what} is empty")
        if "messageDigest" not in fields:
            return cls(signature, "", b"")
        said = require_fields(
            fields["messageDigest"], f"the digest of {what}", {"algorithm", "digest"}
        )
        algorithm = read_text(said, "algorithm", f"the digest of {what}", limit=_MAX_DIGEST)
        if algorithm not in _SIZES:
            raise UnsupportedError(f"the digest `{algorithm[:80]}` of {what} is not supported")
        digest = read_base64(said, "digest", f"the digest of {what}", limit=_MAX_DIGEST)
        if len(digest) != _SIZES[algorithm]:
            raise MalformedError(f"the digest of {what} has the wrong length")
        return cls(signature, algorithm, digest)

    def to_parts(self) -> tuple[bytes, ...]:
        """Return compact JSON in parts."""
        return (json.dumps(self.to_json(), separators=(",", ":")).encode("ascii"),)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields: dict[str, Any] = {}
        if self.algorithm:
            digest = base64.b64encode(self.digest).decode("ascii")
            fields["messageDigest"] = {"algorithm": self.algorithm, "digest": digest}
        return {**fields, "signature": base64.b64encode(self.signature).decode("ascii")}
