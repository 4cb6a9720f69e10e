"""Collecting: every bundle beside an artifact and in other stores, each once, as the bytes that stand there."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.predicates.file_list import is_file_list
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, WeightmarkError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.sidecars import read_named, read_sidecar
from weightmark.provenance.sources.oci.attached import Attachment

__all__ = ["collect_claims"]


def collect_claims(
    artifact: Artifact, stores: Sequence[Path], *, signature: bool = True
) -> list[Attachment]:
    """Return the claims of an artifact and of `stores`, with `model.sig` if `signature` says so.

    Raises `CallError` for a store that is not there, and for anything that is no claim: nothing is
    pushed then.
    """
    found: dict[bytes, Attachment] = {}
    for name, raw in (*_beside(artifact, signature=signature), *_stored(stores)):
        kind = _predicate_type(raw, name)
        if kind is not None:
            found[raw] = Attachment(raw, kind)
    return list(found.values())


def _beside(artifact: Artifact, *, signature: bool) -> Iterator[tuple[str, bytes]]:
    places = artifact.sidecars
    whole = read_sidecar(places.signature, storage=places.storage) if signature else None
    if whole and whole.strip():
        yield places.signature.name, whole
    claims = read_sidecar(places.claims, storage=places.storage)
    for line in _lines(claims or b""):
        yield places.claims.name, line


def _stored(stores: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for store in stores:
        for line in _lines(read_named(store, "claims file")):
            yield str(store), line


def _lines(data: bytes) -> Iterator[bytes]:
    return (line for line in data.split(b"\n") if line.strip())


def _predicate_type(raw: bytes, name: str) -> str | None:
    """Return what a bundle states; None for a list of files, which is no claim. Raises `CallError`."""
    if is_file_list(raw):
        return None
    try:
        envelope = Bundle.parse(raw).envelope
        return Statement.parse(envelope.payload_type, envelope.payload).predicate_type
    except WeightmarkError as error:
        raise CallError(
            f"`{name}` holds something that is no claim, so nothing was pushed",
            why=error.what,
            fix="mend or remove it, and push again",
        ) from error
