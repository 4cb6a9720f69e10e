"""Addresses in object stores: `s3://bucket/prefix` and `gs://bucket/prefix`, pinned by `?listing=<hex>`."""

import re
from typing import Self

from weightmark.errors import CallError
from weightmark.provenance.sources.addresses import printable_uri
from weightmark.values import dataclass

__all__ = ["SCHEMES", "ObjectAddress"]

SCHEMES = frozenset(["gs", "s3"])
_BUCKETS = {
    "s3": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z"),
    "gs": re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z"),
}
_PINNED = re.compile(r"\?listing=(?P<digest>[0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """Objects of one bucket below a prefix."""

    scheme: str
    """`s3` or `gs`"""
    bucket: str
    """name of the bucket"""
    prefix: str
    """key of an object, or what the keys of several begin with before a slash; empty for all"""
    listing: str = ""
    """digest over names, sizes and tags that pins it; empty for what is there now"""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a URI; raises `CallError` for anything else."""
        pinned = _PINNED.search(uri)
        bare = uri[: pinned.start()] if pinned else uri
        scheme, _, rest = bare.partition("://")
        bucket, _, prefix = rest.partition("/")
        if (
            scheme not in SCHEMES
            or not _BUCKETS[scheme].match(bucket)
            or ".." in bucket
            or not prefix.isprintable()
        ):
            raise CallError(
                f"`{printable_uri(uri)}` is no address in an object store",
                fix="write `s3://bucket/prefix` or `gs://bucket/prefix`",
            )
        return cls(scheme, bucket, prefix.strip("/"), pinned["digest"] if pinned else "")

    @property
    def uri(self) -> str:
        """The canonical spelling, without the pin."""
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    def at(self, listing: str) -> str:
        """Return the address that is pinned to a listing."""
        return f"{self.uri}?listing={listing}"
