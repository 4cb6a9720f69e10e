"""A folder or a file on this machine as a source: promised by what is read there once."""

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import CallError, UnsupportedError, read_failure
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.reading.engine import Column, Reading, read_artifact
from weightmark.provenance.sidecars import RESERVED_NAMES
from weightmark.provenance.sources.interface import Member, Part, Snapshot

__all__ = ["LocalSource"]

_BLOCK = 1024 * 1024


class LocalSource:
    """One artifact on disk. It is read once for what it promises, and once more when it is fetched."""

    def __init__(self, path: str) -> None:
        """Name a folder; raises `CallError` for one that does not exist, or a single file."""
        self._path = path
        self._artifact: Artifact = open_artifact(path)
        if self._artifact.single:
            raise CallError(f"`{path}` is a single file", fix="name the folder that holds it")
        self._places = {
            entry.path: (entry.base, entry.location) for entry in self._artifact.entries
        }

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
        """Read every file, and promise what was read; raises what reading raises."""
        artifact = self._artifact.require_identifiable()
        reading: Reading[None] = read_artifact(artifact, columns=[Column.BLAKE3, Column.SHA256])
        parts = [
            Part(file.path, file.size, {"sha256": file.sha256}, location=file.path)
            for file in reading.files
        ]
        sidecars = [self._sidecar(name) for name in RESERVED_NAMES]
        kept = (*parts, *(part for part in sidecars if part))
        return Snapshot.of(self._path, self._path, kept, digest={})

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a file, opened without following links."""
        base, location = self._places[part.location]
        try:
            with Beneath(base) as tree, open(tree.file(location), "rb") as file:  # noqa: PTH123 - a descriptor
                file.seek(offset)
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            raise read_failure(part.label, error) from error

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """A folder holds files as they stand."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def _sidecar(self, name: str) -> Part | None:
        path = self._artifact.path / name
        try:
            size = path.lstat().st_size
        except OSError:
            return None
        self._places[name] = (str(self._artifact.path), name)
        return Part(name, size, {}, location=name)
