"""A registry as a source: which manifest a tag is now, what its layers are, and their bytes."""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import UnsupportedError
from weightmark.provenance.sources.interface import Member, Part, Snapshot
from weightmark.provenance.sources.oci.archives import unpack
from weightmark.provenance.sources.oci.attached import attached_claims
from weightmark.provenance.sources.oci.credentials import Credentials
from weightmark.provenance.sources.oci.documents import Descriptor, Index, Manifest
from weightmark.provenance.sources.oci.layouts import MAX_CONFIG, parts_of, reads_config
from weightmark.provenance.sources.oci.messages import Patience
from weightmark.provenance.sources.oci.reference import Reference
from weightmark.provenance.sources.oci.registry import Repository

__all__ = ["OciSource"]

_SHOWN = 5


class OciSource:
    """One artifact in a registry; a context manager."""

    def __init__(
        self,
        uri: str,
        *,
        credentials: Credentials | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Read the address; raises `CallError`, and `UnsupportedError` for a login that only a helper program knows."""
        self._uri = uri
        self._asked = Reference.parse(uri)
        self._repository = Repository(self._asked, credentials=credentials, patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._repository.__exit__(kind, error, trace)

    def resolve(self) -> Snapshot:
        """Pin the tag to its manifest and list what the layers are.

        Raises also `PromiseBrokenError` when the manifest is not the one that was named.
        """
        manifest = self._manifest()
        pinned = str(self._asked.pinned(manifest.digest))
        config = b""
        if reads_config(manifest):
            config = self._repository.blob(manifest.config, most=MAX_CONFIG)
        attached = attached_claims(self._repository, manifest.digest)
        return Snapshot.of(
            self._uri,
            pinned,
            parts_of(manifest, config, f"`{pinned}`"),
            digest={"sha256": manifest.digest.removeprefix("sha256:")},
            claims=attached.claims,
            absent=attached.absent,
        )

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a layer; one digest is one content, so a tag that moved meanwhile does not matter."""
        return self._repository.read(Descriptor("", part.location, part.size or 0, {}), offset)

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:
        """Yield the files of a tar layer."""
        return unpack(archive, part.archive, f"the layer `{part.location}`")

    def _manifest(self) -> Manifest:
        document, _ = self._repository.document(self._asked.name)
        if isinstance(document, Manifest):
            return document
        if len(document.manifests) != 1:
            raise _several(document, self._uri)
        document, _ = self._repository.document(document.manifests[0].digest)
        if isinstance(document, Manifest):
            return document
        raise UnsupportedError(f"`{self._uri}` is a list of lists of manifests")


def _several(index: Index, uri: str) -> UnsupportedError:
    digests = [f"`{one.digest}`" for one in index.manifests[:_SHOWN]]
    more = " and more" if len(index.manifests) > _SHOWN else ""
    return UnsupportedError(
        f"`{uri}` is a list of {len(index.manifests)} manifests",
        why=f"it does not say which is meant: {', '.join(digests)}{more}",
        fix="name one of them by its digest",
    )
