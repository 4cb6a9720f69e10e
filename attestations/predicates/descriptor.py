"""ResourceDescriptor (in-toto Attestation Framework v1): what a predicate points at."""

from dataclasses import field
from typing import Any, Self

from weightmark.attestations.predicates.fields import Fields, without_empty
from weightmark.errors import MalformedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.manifest import IDENTITY_PREFIX, MANIFEST_MEDIA_TYPE
from weightmark.values import dataclass

__all__ = ["STRONG_DIGESTS", "Descriptor", "read_descriptors"]

STRONG_DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""digests that may link artifacts, and how many hex digits each has"""
_HEX = lazy_pattern(r"[0-9a-f]+\Z")


@dataclass(frozen=True)
class Descriptor:
    """One input, output or piece of evidence, as its producer describes it."""

    name: str = ""
    """informational: a name never links anything"""
    uri: str = ""
    """informational, too"""
    digest: dict[str, str] = field(default_factory=dict)
    """algorithm and value as they stand; only those of `STRONG_DIGESTS` may link"""
    media_type: str = ""
    """what the digest is of"""
    annotations: dict[str, Any] = field(default_factory=dict)
    """whatever the producer adds"""
    extensions: dict[str, Any] = field(default_factory=dict)
    """further fields, kept as they are"""

    @classmethod
    def read(cls, fields: Fields, *, empty: bool = False) -> Self:
        """Read one; raises `MalformedError` for a wrong type, a strong digest that is none, or one that says nothing.

        With `empty`, one that names neither digest nor URI nor content is accepted.
        """
        digest = fields.mapping("digest")
        for algorithm, value in digest.items():
            _check_digest(algorithm, value)
        made = cls(
            name=fields.optional_text("name"),
            uri=fields.optional_text("uri"),
            digest=dict(digest),
            media_type=fields.optional_text("mediaType"),
            annotations=fields.mapping("annotations"),
            extensions=fields.rest,
        )
        if not (made.digest or made.uri or "content" in made.extensions or empty):
            raise MalformedError(
                f"the resource `{made.name[:80]}` has neither a digest nor a URI nor content",
                why="nothing says which resource is meant",
            )
        return made

    @classmethod
    def of_identity(
        cls, name: str, identity: str, annotations: dict[str, Any] | None = None
    ) -> Self:
        """Describe the artifact with this identity `wm1:…`."""
        hexadecimal = identity.removeprefix(IDENTITY_PREFIX)
        return cls(
            name=name,
            digest={"sha256": hexadecimal},
            media_type=MANIFEST_MEDIA_TYPE,
            annotations=annotations or {},
        )

    @property
    def identity(self) -> str:
        """The identity `wm1:…` when a manifest document is described, else empty."""
        sha256 = self.digest.get("sha256", "")
        is_manifest = self.media_type == MANIFEST_MEDIA_TYPE and sha256
        return IDENTITY_PREFIX + sha256 if is_manifest else ""

    @property
    def links(self) -> bool:
        """Whether a strong digest stands there."""
        return not STRONG_DIGESTS.keys().isdisjoint(self.digest)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return without_empty(
            {
                "name": self.name,
                "uri": self.uri,
                "digest": self.digest,
                "mediaType": self.media_type,
                "annotations": self.annotations,
                **self.extensions,
            }
        )


def read_descriptors(entries: list[Fields]) -> tuple[Descriptor, ...]:
    """Read a list of descriptors; raises `MalformedError`."""
    return tuple(Descriptor.read(entry) for entry in entries)


def _check_digest(algorithm: str, value: object) -> None:
    length = STRONG_DIGESTS.get(algorithm)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"the digest `{algorithm[:40]}` of a resource is not a text")
    if length and not (len(value) == length and _HEX.match(value)):
        raise MalformedError(
            f"the `{algorithm}` of a resource is not {length} lowercase hex digits"
        )
