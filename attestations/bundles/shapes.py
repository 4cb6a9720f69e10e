"""The shapes in which other tools hand over attestations; what comes out is always one bundle a claim.

Known: a bundle (one line or many), bare DSSE envelopes with any number of signatures (in-toto, witness,
`cosign download attestation`), and lists under `attestations`, each entry with a `bundle` (GitHub's API,
npm's registry). JSON lines may hold any of these. The signed payload bytes are never touched.
"""

from collections.abc import Iterator
from typing import Any

from weightmark.attestations.bundles.bare_envelope import bundles_of_envelope
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["Shape", "split_shapes"]

_MAX_ATTESTATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """One claim of a file, in the form of a bundle, or the reason why it is none."""

    place: str
    """where it stands: `line 3`, `attestation 2 of line 1`"""
    bundle: Bundle | None = None
    """one Sigstore bundle"""
    error: WeightmarkError | None = None
    """why it is no claim that can be judged"""


def split_shapes(data: bytes, place: str) -> Iterator[Shape]:
    """Yield every claim of one JSON document; what is none is yielded as its error."""
    try:
        fields = parse_object(data, what=place)
        yield from _of_document(fields, place)
    except WeightmarkError as error:
        yield Shape(place, error=error)


def _of_document(fields: dict[str, Any], place: str) -> Iterator[Shape]:
    if "mediaType" in fields:
        yield _bundle(fields, place)
    elif isinstance(fields.get("attestations"), list):
        yield from _of_list(fields["attestations"], place)
    elif isinstance(fields.get("bundle"), dict):
        yield _bundle(fields["bundle"], place)
    elif {"payload", "payloadType", "signatures"} <= fields.keys():
        for where, one in bundles_of_envelope(fields, place):
            yield Shape(where, one) if isinstance(one, Bundle) else Shape(where, error=one)
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
            yield _bundle(bundle, where)
        else:
            yield Shape(where, error=MalformedError(f"{where} has no bundle"))


def _bundle(fields: dict[str, Any], place: str) -> Shape:
    try:
        return Shape(place, Bundle.from_json(fields, what=place))
    except WeightmarkError as error:
        return Shape(place, error=error)
