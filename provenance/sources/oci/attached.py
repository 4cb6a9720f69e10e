"""What is attached to a manifest: Sigstore bundles as referrers, as cosign 3 keeps them (cosign's BUNDLE_SPEC.md)."""

from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.errors import LimitError, NetworkError, WeightmarkError
from weightmark.provenance.sources.interface import Part
from weightmark.provenance.sources.oci.documents import (
    EMPTY_CONFIG,
    EMPTY_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Index,
    Manifest,
    digest_of,
)
from weightmark.provenance.sources.oci.messages import Body
from weightmark.provenance.sources.oci.registry import Repository, fallback_tag
from weightmark.provenance.strict_json import canonical_json
from weightmark.values import dataclass

__all__ = ["BUNDLE_TYPE", "Attached", "Attachment", "attach", "attached_claims"]

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_BUNDLE_TYPES = frozenset(
    [
        BUNDLE_TYPE,
        *(f"application/vnd.dev.sigstore.bundle+json;version=0.{n}" for n in (1, 2, 3)),
    ]
)
_TITLE = "org.opencontainers.image.title"
_CONTENT = "dev.sigstore.bundle.content"
_PREDICATE = "dev.sigstore.bundle.predicateType"
_MAX_CLAIMS = 1000
_MAX_BUNDLES = 64 * 1024 * 1024
"""bytes of all claims together, as in a claims file"""
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Attachment:
    """A claim that is to be attached."""

    bundle: bytes
    """a Sigstore bundle, JSON"""
    predicate_type: str
    """what it states, for those who look for it; decides nothing"""


@dataclass(frozen=True, slots=True)
class Attached:
    """What a registry lists as attached to a manifest."""

    claims: tuple[Part, ...]
    """bundles that are there; they are not fetched yet"""
    absent: tuple[str, ...]
    """digests of what the registry lists, and says that it does not have as listed"""


def attached_claims(repository: Repository, digest: str) -> Attached:
    """Look for the bundles that are attached to a manifest.

    What is attached and can't be read as such, or is not there, is passed over: anybody who may push can
    attach it, and it must not hide the others. What the registry does not answer for is not: it may be the
    claim that counts. Raises `LimitError` over 1000 bundles or 64 MiB of
    them, `NetworkError`.
    """
    listed = [one for one in repository.referrers(digest) if _may_be_bundle(one)]
    if len(listed) > _MAX_CLAIMS:
        raise LimitError(f"`{repository.reference.place}` has over {_MAX_CLAIMS} claims attached")
    absent: list[str] = []
    found = dict.fromkeys(_bundles(repository, listed, digest, absent))
    if sum(size for _, size in found) > _MAX_BUNDLES:
        raise LimitError(f"the claims attached to `{digest}` are over {_MAX_BUNDLES} bytes")
    there = [one for one in found if not repository.lacks(*one)]
    absent += [digest for digest, size in found if (digest, size) not in there]
    return Attached(tuple(_as_part(*one) for one in there), tuple(absent))


def attach(repository: Repository, subject: Descriptor, claims: list[Attachment]) -> int:
    """Attach claims to a manifest; returns how many were not there yet.

    Raises `NetworkError`, and what `Repository.referrers` raises.
    """
    there = {part.location for part in attached_claims(repository, subject.digest).claims}
    new = [one for one in claims if digest_of(one.bundle) not in there]
    written = [_write(repository, subject, one) for one in new]
    unlisted = [descriptor for descriptor, listed in written if not listed]
    if unlisted:
        _list(repository, subject.digest, unlisted)
    return len(new)


def _may_be_bundle(listed: Descriptor) -> bool:
    """Tell whether an entry is worth a look; some registries leave the type out."""
    return listed.media_type == MANIFEST_TYPE and listed.artifact_type in {"", *_BUNDLE_TYPES}


def _bundles(
    repository: Repository, listed: list[Descriptor], digest: str, absent: list[str]
) -> Iterator[tuple[str, int]]:
    """Yield digest and size of what may be a bundle; into `absent` goes what is listed and not there."""
    for one in listed:
        try:
            document = repository.find(one.digest)
        except NetworkError:
            # what could not be looked at may be the claim that counts
            raise
        except WeightmarkError:
            continue
        if document is None:
            absent.append(one.digest)
            continue
        layer = _bundle_of(document[0], digest)
        if layer:
            yield layer.digest, layer.size


def _bundle_of(document: Manifest | Index, digest: str) -> Descriptor | None:
    """Return the only layer of a manifest that is about `digest` and holds a bundle."""
    if not isinstance(document, Manifest) or len(document.layers) != 1:
        return None
    layer = document.layers[0]
    about = document.subject is not None and document.subject.digest == digest
    fits = layer.media_type in _BUNDLE_TYPES and layer.size <= _MAX_BUNDLES
    return layer if about and fits else None


def _as_part(digest: str, size: int) -> Part:
    name = digest.removeprefix("sha256:")
    return Part(f"{name}.sigstore.json", size, {"sha256": name}, location=digest)


def _write(
    repository: Repository, subject: Descriptor, claim: Attachment
) -> tuple[Descriptor, bool]:
    """Write one claim; returns how to list it, and whether the registry listed it by itself."""
    digest = digest_of(claim.bundle)
    for content, name in ((EMPTY_CONFIG, digest_of(EMPTY_CONFIG)), (claim.bundle, digest)):
        if not repository.has_blob(name):
            repository.put_blob(name, Body.of(content))
    annotations = {_CONTENT: "dsse-envelope", _PREDICATE: claim.predicate_type}
    title = {_TITLE: f"{digest.replace(':', '-')}.sigstore.json"}
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": BUNDLE_TYPE,
        "config": Descriptor.of(EMPTY_CONFIG, EMPTY_TYPE).to_json(),
        "layers": [Descriptor.of(claim.bundle, BUNDLE_TYPE, title).to_json()],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size, {}).to_json(),
        "annotations": annotations,
    }
    data = canonical_json(document)
    headers = repository.put_document(digest_of(data), data, MANIFEST_TYPE)
    entry = Descriptor(MANIFEST_TYPE, digest_of(data), len(data), annotations, BUNDLE_TYPE)
    return entry, _was_listed(headers, subject.digest)


def _was_listed(headers: Mapping[str, str], digest: str) -> bool:
    """Tell whether the registry says that it keeps referrers (Distribution Specification, "Pushing Manifests with Subject")."""
    return headers.get("oci-subject", "") == digest


def _list(repository: Repository, digest: str, entries: list[Descriptor]) -> None:
    """Add entries to the list under the fallback tag, and look whether they stayed there.

    The specification knows no conditional write, so that of two who write at once one may lose.
    """
    for _ in range(_ATTEMPTS):
        present = repository.referrers(digest)
        missing = [one for one in entries if one.digest not in {two.digest for two in present}]
        if not missing:
            return
        document = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [one.to_json() for one in (*present, *missing)],
        }
        repository.put_document(fallback_tag(digest), canonical_json(document), INDEX_TYPE)
    listed = {one.digest for one in repository.referrers(digest)}
    if not {one.digest for one in entries} <= listed:
        raise LimitError(
            f"the claims could not be listed under `{fallback_tag(digest)}`",
            why="somebody else writes there at the same time",
            fix="push again",
        )
