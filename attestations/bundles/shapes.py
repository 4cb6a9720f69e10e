"""The shapes in which other tools hand over attestations; what comes out is always one bundle a claim.

Known: a bundle (one line or many), bare DSSE envelopes with any number of signatures (in-toto, witness,
`cosign download attestation`), and lists under `attestations`, each entry with a `bundle` (GitHub's API,
npm's registry). JSON lines may hold any of these. The signed payload bytes are never touched.
"""

import json
from collections.abc import Iterator
from typing import Any

from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["Shape", "split_shapes"]

_MAX_ATTESTATIONS = 10_000
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True, slots=True)
class Shape:
    """One claim of a file, in the form of a bundle, or the reason why it is none."""

    place: str
    """where it stands: `line 3`, `attestation 2 of line 1`"""
    bundle: bytes = b""
    """one Sigstore bundle, JSON"""
    error: WeightmarkError | None = None
    """why it is no claim that can be judged"""


def split_shapes(data: bytes, place: str) -> Iterator[Shape]:
    """Yield every claim of one JSON document; what is none is yielded as its error."""
    try:
        fields = parse_object(data, what=place)
        yield from _of_document(fields, data, place)
    except WeightmarkError as error:
        yield Shape(place, error=error)


def _of_document(fields: dict[str, Any], data: bytes, place: str) -> Iterator[Shape]:
    if "mediaType" in fields:
        yield Shape(place, data)
    elif isinstance(fields.get("attestations"), list):
        yield from _of_list(fields["attestations"], place)
    elif isinstance(fields.get("bundle"), dict):
        yield Shape(place, _to_bytes(fields["bundle"]))
    elif {"payload", "payloadType", "signatures"} <= fields.keys():
        yield from _of_envelope(fields, place)
    elif {"base64Signature", "cert"} <= fields.keys() or "rekorBundle" in fields:
        raise UnsupportedError(
            f"{place} is a bundle of cosign before version 3",
            why="it signs bytes that are elsewhere, and says nothing of a model",
            fix="sign with `cosign sign-blob --new-bundle-format`, or attest a statement",
        )
    elif isinstance(fields.get("signed"), dict) and "signatures" in fields:
        raise UnsupportedError(
            f"{place} is a link or layout of classic in-toto",
            fix="verify it with `weightmark layout verify`",
        )
    else:
        raise MalformedError(f"{place} holds no attestation of a known shape")


def _of_list(entries: list[Any], place: str) -> Iterator[Shape]:
    if len(entries) > _MAX_ATTESTATIONS:
        raise MalformedError(f"{place} lists over {_MAX_ATTESTATIONS} attestations")
    for number, entry in enumerate(entries, start=1):
        where = f"attestation {number} of {place}"
        bundle = entry.get("bundle") if isinstance(entry, dict) else None
        if isinstance(bundle, dict):
            yield Shape(where, _to_bytes(bundle))
        else:
            yield Shape(where, error=MalformedError(f"{where} has no bundle"))


def _of_envelope(envelope: dict[str, Any], place: str) -> Iterator[Shape]:
    """Make a bundle of each signature; certificates beside signatures, as some builders put them, are kept."""
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or not 0 < len(signatures) <= _MAX_ATTESTATIONS:
        raise MalformedError(f"the envelope of {place} has no signatures")
    for number, signature in enumerate(signatures, start=1):
        where = place if len(signatures) == 1 else f"signature {number} of {place}"
        if not isinstance(signature, dict) or not isinstance(signature.get("sig"), str):
            yield Shape(where, error=MalformedError(f"{where} is no signature"))
            continue
        fields = {
            "mediaType": _BUNDLE,
            "verificationMaterial": _material(signature),
            "dsseEnvelope": {
                "payload": envelope["payload"],
                "payloadType": envelope["payloadType"],
                "signatures": [{"sig": signature["sig"]}],
            },
        }
        yield Shape(where, _to_bytes(fields))


def _material(signature: dict[str, Any]) -> dict[str, Any]:
    certificate = signature.get("cert") or signature.get("certificate")
    if isinstance(certificate, str) and certificate:
        body = "".join(line for line in certificate.split("\n") if not line.startswith("-----"))
        return {"certificate": {"rawBytes": body}}
    hint = signature.get("keyid")
    return {"publicKey": {"hint": hint} if isinstance(hint, str) and hint else {}}


def _to_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
