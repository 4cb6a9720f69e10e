"""What a bundle says about its signer: a hint at a key, or certificates. Hints and claims, never proofs."""

import base64
from typing import Any

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.bundles.proto_json import read_base64, read_list
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["CertificateChain", "KeyHint", "Material", "parse_material"]

_KINDS = ("publicKey", "certificate", "x509CertificateChain")
_MAX_HINT = 4096
_MAX_CERTIFICATES = 16
_MAX_CERTIFICATE = 128 * 1024


@dataclass(frozen=True, slots=True)
class KeyHint:
    """Which key a bundle says it was signed with."""

    text: str
    """for OMS the SHA-256 of the public key's PEM text, lowercase hex; empty when absent"""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"publicKey": {"hint": self.text}}


@dataclass(frozen=True, slots=True)
class CertificateChain:
    """The signer's certificate and whatever authorities stand beside it."""

    certificates: tuple[bytes, ...]
    """DER, the signer's first; at least one"""
    single: bool = True
    """whether it is written as the one `certificate`, not as an `x509CertificateChain`"""

    def __post_init__(self) -> None:
        if not self.certificates or (self.single and len(self.certificates) > 1):
            raise ValueError("a chain holds a certificate, and a single one holds no others")

    @property
    def leaf(self) -> bytes:
        """The signer's certificate, DER."""
        return self.certificates[0]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        raw = [{"rawBytes": base64.b64encode(one).decode("ascii")} for one in self.certificates]
        if self.single:
            return {"certificate": raw[0]}
        return {"x509CertificateChain": {"certificates": raw}}


Material = KeyHint | CertificateChain


def parse_material(fields: dict[str, Any], what: str) -> Material:
    """Read the one signer among the fields of the verification material; raises `MalformedError`."""
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        raise MalformedError(
            f"{what} does not name exactly one signer",
            why=f"it holds {len(kinds)} of {', '.join(_KINDS)}",
        )
    if kinds[0] == "publicKey":
        return KeyHint(_parse_hint(fields["publicKey"], what))
    if kinds[0] == "certificate":
        return CertificateChain((_certificate(fields["certificate"], what),))
    chain = require_fields(
        fields["x509CertificateChain"], f"the certificate chain of {what}", {"certificates"}
    )
    items = read_list(chain, "certificates", what, limit=_MAX_CERTIFICATES)
    if not items:
        raise MalformedError(f"the certificate chain of {what} is empty")
    return CertificateChain(tuple(_certificate(one, what) for one in items), single=False)


def _certificate(value: object, what: str) -> bytes:
    name = f"a certificate of {what}"
    data = read_base64(
        require_fields(value, name, {"rawBytes"}), "rawBytes", name, limit=_MAX_CERTIFICATE
    )
    if not data:
        raise MalformedError(f"{name} is empty")
    return data


def _parse_hint(value: object, what: str) -> str:
    name = f"the public key of {what}"
    fields = require_fields(value, name, set(), optional={"hint", "rawBytes", "keyDetails"})
    if {"rawBytes", "keyDetails"} & fields.keys():
        # Before 1.1.0 the reference signer put the key itself here; only the caller's key counts.
        return ""
    hint = fields.get("hint", "")
    if not isinstance(hint, str) or len(hint) > _MAX_HINT:
        raise MalformedError(f"the key hint of {what} is not a short string")
    return hint
