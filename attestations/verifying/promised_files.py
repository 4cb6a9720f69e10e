"""The little that has to be fetched to verify a promise: claims, and files without a promised SHA-256."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from weightmark.errors import LimitError
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.links import LinkKind
from weightmark.provenance.names import sort_key
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.reading.results import FileDigests, Reading
from weightmark.provenance.sidecars import RESERVED_NAMES, SidecarPaths
from weightmark.provenance.sources.fetching import fetch
from weightmark.provenance.sources.interface import Part, Snapshot, Source

__all__ = ["PromisedFiles"]

_MOST_OF_ONE = 64 * 1024 * 1024
_MOST_OF_ALL = 256 * 1024 * 1024
"""bytes"""
_CUT = "file"
_EMPTY = hashlib.sha256(b"").hexdigest()


class PromisedFiles:
    """Describes a snapshot as if it lay on disk, in a private folder that holds what was fetched."""

    def __init__(
        self, source: Source, snapshot: Snapshot, place: Path, progress: ProgressSink | None
    ) -> None:
        """Nothing is fetched yet."""
        self._source = source
        self._snapshot = snapshot
        self._place = place
        self._progress = progress
        self._left = _MOST_OF_ALL

    def described(self) -> tuple[Artifact, Reading[Any]]:
        """Return the artifact and the SHA-256 of each of its files; its sidecars are fetched and lie there.

        An archive stands under its own digest.
        """
        root = self._place / "artifact"
        root.mkdir()
        parts = sorted(self._snapshot.parts, key=lambda one: sort_key(one.path))
        for part in parts:
            if part.path in RESERVED_NAMES:
                self._fetch(part, root, part.path)
        files = self._digests(part for part in parts if part.path not in RESERVED_NAMES)
        artifact = Artifact(
            path=root,
            name="artifact",
            single=False,
            entries=tuple(file.entry for file in files),
            problems=(),
            outside=(),
            sidecars=SidecarPaths.of_tree(root),
        )
        return artifact, Reading(files, ())

    def claims(self) -> Path:
        """Fetch what the source keeps beside the artifact, and return the folder in which it lies."""
        store = self._place / "claims"
        store.mkdir()
        for part in self._snapshot.claims:
            self._fetch(part, store, part.path.replace("/", "-"))
        return store

    def _digests(self, parts: Iterable[Part]) -> tuple[FileDigests, ...]:
        scratch = self._place / "scratch"
        scratch.mkdir()
        found = []
        for part in parts:
            sha256, size = part.digests.get("sha256", ""), _size_of(part)
            if not sha256:
                size = self._fetch(part, scratch, _CUT)
                with (scratch / _CUT).open("rb") as file:
                    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                (scratch / _CUT).unlink()
            path = part.location if part.archive else part.path
            entry = Entry(path, size, 0, 0, LinkKind.NONE, "", path)
            found.append(FileDigests(entry, size, "", sha256))
        return tuple(found)

    def _fetch(self, part: Part, folder: Path, name: str) -> int:
        """Fetch one part, whose promise is kept then; returns its size in bytes."""
        most = min(self._left, _MOST_OF_ONE)
        if part.size is not None and part.size > most:
            raise LimitError(
                f"`{part.label}` at `{self._snapshot.pinned}` would have to be fetched, and is large",
                why="it is a claim, or no SHA-256 is promised for it",
                fix="`weightmark pull` fetches everything and judges it",
            )
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            where = self._snapshot.pinned
            fetched = fetch(
                self._source,
                part,
                name,
                folder=descriptor,
                where=where,
                progress=self._progress,
                most=most,
            )
        finally:
            os.close(descriptor)
        self._left -= fetched.size
        return fetched.size


def _size_of(part: Part) -> int:
    """Return the promised size; where only a digest is promised, whether anything is there, which that tells."""
    if part.size is not None:
        return part.size
    return int(part.digests.get("sha256") != _EMPTY)
