"""MLflow as a source: which version an alias stands for, where its files lie, and their bytes.

MLflow promises sizes and no digests, and files of a version can be written again. So nothing is believed
of what it says; what arrives is hashed, and who vouches for it is the signature's business.
"""

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import BinaryIO, Self

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
from weightmark.provenance.sources.mlflow_registry.place import Place
from weightmark.provenance.sources.mlflow_registry.registry import Registry

__all__ = ["MlflowSource"]


class MlflowSource:
    """One version of a model, or what a run logged."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`, `SettingsError`, and `ExtraMissingError` without the client."""
        self._asked = MlflowAddress.parse(uri)
        self._pinned = self._asked
        self._registry = Registry()
        self._place: Place | None = None
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
        pinned = self._pinned = self._registry.pinned(self._asked)
        self._place = self._registry.place(pinned)
        return Snapshot.of(
            self._asked.uri,
            pinned.uri,
            self._parts(self._place),
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

    def add(self, name: str, data: bytes) -> None:
        """Put a file beside those that were listed, at the very place that was; raises `NetworkError`."""
        if self._place is None:
            raise CallError("a source is asked what it holds before something is added")
        if self._server:
            self._server.put(name, data)
            return
        with TemporaryDirectory(prefix="weightmark-") as folder:
            (Path(folder) / name).write_bytes(data)
            self._registry.add(self._pinned, self._place, Path(folder) / name)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Write tags of a version; of what has none, nothing. Raises `NetworkError`."""
        if self._pinned.kind == "version":
            self._registry.tag(self._pinned, tags)

    def _parts(self, place: Place) -> tuple[Part, ...]:
        if place.kind == "server":
            self._server = ArtifactServer(self._registry.tracking, place.uri)
            return tuple(self._server.parts())
        if place.kind == "objects":
            from weightmark.provenance.sources.object_store.source import ObjectStoreSource

            self._inner = ObjectStoreSource(place.uri)
        else:
            from weightmark.provenance.sources.local import LocalSource

            self._inner = LocalSource(place.folder)
        return self._inner.resolve().parts
