"""Manifests and indexes, parsed strictly (OCI Image Specification 1.1; Docker's schema 2 has the same shape).

A document that two readers could take for two things is refused: doubled keys, a media type that
the transport contradicts, layers beside manifests (CVE-2021-41190), one digest with two sizes. A
layer that is to be fetched from elsewhere (`urls`, "foreign", "nondistributable") is refused too.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Self

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.provenance.sources.oci.reference import is_digest
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = [
    "EMPTY_CONFIG",
    "EMPTY_TYPE",
    "INDEX_TYPE",
    "MANIFEST_TYPE",
    "MANIFEST_TYPES",
    "MAX_DOCUMENT",
    "Descriptor",
    "Index",
    "Manifest",
    "digest_of",
    "parse_document",
    "title_of",
]

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
_INDEX_TYPES = frozenset([INDEX_TYPE, _DOCKER_INDEX])
MANIFEST_TYPES = (MANIFEST_TYPE, INDEX_TYPE, _DOCKER_MANIFEST, _DOCKER_INDEX)
"""what a registry is asked for"""
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG = b"{}"
MAX_DOCUMENT = 4 * 1024 * 1024
"""bytes of a manifest or an index; what registries have to accept (Distribution Specification, "Pushing Manifests")"""

_TITLE = "org.opencontainers.image.title"
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?:;[\x20-\x7e]{1,100})?"
)
_MAX_SIZE = 2**63 - 1
_MAX_ENTRIES = 20_000
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a document says of a blob or of another document."""

    media_type: str
    """what it is"""
    digest: str
    """`sha256:<hex>` of its bytes"""
    size: int
    """bytes"""
    annotations: Mapping[str, str]
    """words about it; they decide nothing but the path of a file"""
    artifact_type: str = ""
    """what kind of manifest it is, in an index"""

    @classmethod
    def of(cls, data: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> Self:
        """Describe bytes."""
        return cls(media_type, digest_of(data), len(data), annotations or {})

    @classmethod
    def from_json(cls, value: object, what: str) -> Self:
        """Read the JSON form; raises `MalformedError`, and `UnsupportedError` for what lies elsewhere."""
        if not isinstance(value, dict):
            raise MalformedError(f"{what} is no descriptor")
        media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
        if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
            raise MalformedError(f"{what} has no media type")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE:
            raise MalformedError(f"{what} has no size")
        found = cls(
            media_type,
            _read_digest(digest, what),
            size,
            _read_annotations(value.get("annotations"), what),
            _read_type(value.get("artifactType"), what),
        )
        _refuse_elsewhere(value, found, what)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        written: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.annotations:
            written["annotations"] = dict(self.annotations)
        if self.artifact_type:
            written["artifactType"] = self.artifact_type
        return written


@dataclass(frozen=True, slots=True)
class Manifest:
    """One artifact: a configuration and layers."""

    digest: str
    """`sha256:<hex>` of the bytes from which it was read"""
    artifact_type: str
    """what kind of artifact it is: `artifactType`, else the media type of the configuration"""
    config: Descriptor
    """the configuration"""
    layers: tuple[Descriptor, ...]
    """the contents, in order"""
    subject: Descriptor | None
    """what this is about, when it is attached to another manifest"""
    annotations: Mapping[str, str]
    """words about it"""


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests."""

    digest: str
    """`sha256:<hex>` of the bytes from which it was read"""
    manifests: tuple[Descriptor, ...]
    """what it lists, in order"""
    annotations: Mapping[str, str]
    """words about it"""


def parse_document(data: bytes, media_type: str, what: str) -> Manifest | Index:
    """Parse a manifest or an index that came as `media_type` (empty when nobody said).

    Raises `MalformedError`, `LimitError` over 4 MiB, `UnsupportedError` for another schema.
    """
    fields = parse_object(data, what=what, max_size=MAX_DOCUMENT, max_depth=_MAX_DEPTH)
    version = fields.get("schemaVersion")
    if version == 1 and "fsLayers" in fields:
        raise UnsupportedError(
            f"{what} is of Docker's schema 1, which names no media types", fix="push it again"
        )
    if version != 2 or isinstance(version, bool):  # noqa: PLR2004 - the only version of the schema
        raise MalformedError(f"{what} has no `schemaVersion` 2")
    kind = _kind(fields, media_type, what)
    if ("manifests" in fields) == ("layers" in fields):
        raise MalformedError(
            f"{what} can be read as a manifest and as an index",
            why="two clients would see two artifacts under one digest",
        )
    if (kind in _INDEX_TYPES) != ("manifests" in fields):
        raise MalformedError(f"{what} is not what its media type `{kind}` says")
    return _index(data, fields, what) if kind in _INDEX_TYPES else _manifest(data, fields, what)


def digest_of(data: bytes) -> str:
    """Return `sha256:<hex>` of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def title_of(descriptor: Descriptor) -> str:
    """Return the file name that a descriptor suggests (`org.opencontainers.image.title`), or nothing."""
    return descriptor.annotations.get(_TITLE, "")


def _kind(fields: Mapping[str, Any], media_type: str, what: str) -> str:
    """Return the media type on which document and transport agree."""
    said = fields.get("mediaType")
    if said is None and media_type:
        said = media_type
    elif said is None:
        said = INDEX_TYPE if "manifests" in fields else MANIFEST_TYPE
    if not isinstance(said, str) or (media_type and said != media_type):
        raise MalformedError(
            f"{what} came as `{media_type[:100]}` and says that it is something else"
        )
    if said not in MANIFEST_TYPES:
        raise UnsupportedError(
            f"{what} is of the type `{said[:100]}`, which is not known",
            fix="push it as an OCI image manifest",
        )
    return said


def _manifest(data: bytes, fields: Mapping[str, Any], what: str) -> Manifest:
    config = Descriptor.from_json(fields.get("config"), f"the configuration of {what}")
    layers = _read_list(fields.get("layers"), what, "layer")
    _require_one_size((config, *layers), what)
    subject = fields.get("subject")
    return Manifest(
        digest_of(data),
        _read_type(fields.get("artifactType"), what) or config.media_type,
        config,
        layers,
        None if subject is None else Descriptor.from_json(subject, f"the subject of {what}"),
        _read_annotations(fields.get("annotations"), what),
    )


def _index(data: bytes, fields: Mapping[str, Any], what: str) -> Index:
    manifests = _read_list(fields.get("manifests"), what, "manifest")
    _require_one_size(manifests, what)
    return Index(digest_of(data), manifests, _read_annotations(fields.get("annotations"), what))


def _read_list(value: object, what: str, kind: str) -> tuple[Descriptor, ...]:
    if not isinstance(value, list):
        raise MalformedError(f"{what} has no list of {kind}s")
    if len(value) > _MAX_ENTRIES:
        raise LimitError(f"{what} lists over {_MAX_ENTRIES} {kind}s")
    return tuple(
        Descriptor.from_json(one, f"{kind} {number} of {what}")
        for number, one in enumerate(value, 1)
    )


def _require_one_size(descriptors: Iterable[Descriptor], what: str) -> None:
    sizes: dict[str, int] = {}
    for one in descriptors:
        if sizes.setdefault(one.digest, one.size) != one.size:
            raise MalformedError(f"{what} gives two sizes for `{one.digest}`")


def _read_digest(value: object, what: str) -> str:
    if isinstance(value, str) and is_digest(value):
        return value
    if isinstance(value, str) and re.fullmatch(r"sha512:[0-9a-f]{128}", value):
        raise UnsupportedError(f"{what} is named by SHA-512, which is not supported")
    raise MalformedError(f"{what} has no digest")


def _read_annotations(value: object, what: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise MalformedError(f"the annotations of {what} are no texts")
    return value


def _read_type(value: object, what: str) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _MEDIA_TYPE.fullmatch(value):
        raise MalformedError(f"{what} has an artifact type that is none")
    return value


def _refuse_elsewhere(value: Mapping[str, Any], found: Descriptor, what: str) -> None:
    foreign = any(word in found.media_type for word in (".foreign.", ".nondistributable."))
    if value.get("urls") or foreign:
        raise MalformedError(
            f"{what} is to be fetched from elsewhere",
            why="a URL in a manifest would make this machine ask a place that nobody named",
            fix="push the bytes to the registry themselves",
        )
