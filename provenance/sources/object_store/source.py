"""Objects below one prefix as a source.

A store promises no digest that withstands a forger: an ETag and an MD5 find faults, and a checksum is
what the uploader said. So nothing is believed but that an object did not change since it was listed:
each is asked for by its tag, and the digest over the whole list pins the address.
"""

import hashlib
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import PromiseBrokenError, UnsupportedError
from weightmark.provenance.sources.interface import MAX_PARTS, Member, Part, Snapshot
from weightmark.provenance.sources.object_store.address import ObjectAddress
from weightmark.provenance.sources.object_store.interface import ObjectStore, StoredObject
from weightmark.provenance.sources.paging import entries_of
from weightmark.provenance.sources.patience import patiently

__all__ = ["ObjectStoreSource"]


class ObjectStoreSource:
    """What lies below one prefix; credentials and endpoint are those of the store's own client."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`, and `ExtraMissingError` without the store's client."""
        self._asked = ObjectAddress.parse(uri)
        self._uri = uri
        self._listed: dict[str, StoredObject] = {}
        self._store = _store_of(self._asked.scheme)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the connections to the client, which closes them when it is no longer used."""

    def resolve(self) -> Snapshot:
        """List the objects; raises `PromiseBrokenError` when a pinned address leads to others by now."""
        patiently(self._store.require_private)
        parts = tuple(self._parts())
        lines = sorted(f"{self._listed[one.location].tag} {one.size} {one.path}\n" for one in parts)
        listing = hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
        if self._asked.listing not in ("", listing):
            raise PromiseBrokenError(
                f"`{self._asked.uri}` holds other objects than those that were pinned",
                why=f"the digest over their names, sizes and tags is {listing} by now",
                fix="look at what changed, then pin it anew with `weightmark lock update`",
            )
        return Snapshot.of(self._uri, self._asked.at(listing), parts, digest={})

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield an object, if it is still the one that was listed."""
        if part.size is not None and offset and offset >= part.size:
            return
        yield from self._store.read(self._asked.bucket, self._listed[part.location], offset)

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """A store holds files as they stand."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def _parts(self) -> Iterator[Part]:
        prefix = self._asked.prefix
        for one in self._objects():
            single = one.key == prefix
            if not single and prefix and not one.key.startswith(f"{prefix}/"):
                continue
            if one.key.endswith("/") and one.size == 0:
                continue
            self._listed[one.key] = one
            path = one.key.rpartition("/")[2] if single else one.key[len(prefix) + bool(prefix) :]
            yield Part(path, one.size, {}, location=one.key, versioned=True)

    def _objects(self) -> Iterator[StoredObject]:
        """Yield all objects whose keys begin with the prefix, page by page."""

        def page(token: str) -> tuple[list[StoredObject], str]:
            asked = self._asked
            return patiently(lambda: self._store.page(asked.bucket, asked.prefix, token))

        return entries_of(page, "", most=MAX_PARTS, where=self._asked.uri)


def _store_of(scheme: str) -> ObjectStore:
    if scheme == "gs":
        from weightmark.provenance.sources.object_store.gcs import GcsStore

        return GcsStore()
    from weightmark.provenance.sources.object_store.s3 import S3Store

    return S3Store()
