"""MLflow as a source: which version an alias stands for, where its files lie, and their bytes.

MLflow promises sizes and no digests, and files of a version can be written again. So nothing is believed
of what it says; what arrives is hashed, and who vouches for it is the signature's business.
"""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import unquote, urlsplit

from weightmark.errors import CallError, UnsupportedError
from weightmark.provenance.sources.interface import (
    ArtifactKind,
    Member,
    Part,
    Snapshot,
    Source,
)
from weightmark.provenance.sources.mlflow_registry.address import MlflowAddress
from weightmark.provenance.sources.mlflow_registry.artifact_server import ArtifactServer
from weightmark.provenance.sources.mlflow_registry.registry import Registry

__all__ = ["MlflowSource"]

_OBJECTS = frozenset(["gs", "s3"])


class MlflowSource:
    """One version of a model, or what a run logged."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`, `SettingsError`, and `ExtraMissingError` without the client."""
        self._asked = MlflowAddress.parse(uri)
        self._registry = Registry()
        self._server: ArtifactServer | None = None
        self._inner: Source | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is kept open."""

    def resolve(self) -> Snapshot:
        """Pin an alias to its version and list the files."""
        pinned = self._registry.pinned(self._asked)
        place = self._registry.place(pinned)
        return Snapshot.of(
            self._asked.uri,
            pinned.uri,
            self._parts(place),
            digest={},
            kind=ArtifactKind.UNKNOWN if pinned.kind == "run" else ArtifactKind.MODEL,
        )

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a file of the version."""
        if self._inner:
            return self._inner.read(part, offset)
        if self._server is None:
            raise CallError("a source is asked what it holds before it is read")
        return self._server.read(part, offset)

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """MLflow holds files as they stand."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def _parts(self, place: str) -> tuple[Part, ...]:
        scheme = urlsplit(place).scheme
        if scheme == "mlflow-artifacts" and self._registry.is_remote:
            self._server = ArtifactServer(self._registry.tracking, place)
            return tuple(self._server.parts())
        if scheme in _OBJECTS:
            from weightmark.provenance.sources.object_store.source import ObjectStoreSource

            self._inner = ObjectStoreSource(place)
        elif scheme in ("", "file") and not self._registry.is_remote:
            from weightmark.provenance.sources.local import LocalSource

            self._inner = LocalSource(unquote(urlsplit(place).path) if scheme else place)
        else:
            raise UnsupportedError(
                f"the files lie at `{scheme[:40] or 'a path'}`, which is not fetched for a server",
                why="a server that names a path would have this machine's files read",
                fix="serve artifacts through the tracking server, or keep them in `s3://` or `gs://`",
            )
        return self._inner.resolve().parts
