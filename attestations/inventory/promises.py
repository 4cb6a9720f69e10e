"""Caches that name files by their digests: whether the bytes are what the names say."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from weightmark.provenance.artifact import Artifact
from weightmark.provenance.hub_storage import blob_name
from weightmark.provenance.links import LinkKind

__all__ = ["promise_of"]

_SHA256 = re.compile(r"(?:sha256-)?([0-9a-f]{64})\Z")
_GIT_BLOB = re.compile(r"([0-9a-f]{40})\Z")


def promise_of(artifact: Artifact, *, named_by_digest: bool) -> tuple[str, tuple[str, ...]]:
    """Return `kept`, `broken` or `none`, and the files that are not what their names say.

    Looked at are blobs that a cache links to and, with `named_by_digest`, a single file. The hub names what it keeps in LFS by SHA-256 and everything else as git does, which is enough to
    find a fault and not to withstand a collision. Raises `OSError`.
    """
    blobs = list(_blobs(artifact, named_by_digest=named_by_digest))
    broken = tuple(sorted(path for path, blob, name in blobs if not _is_kept(blob, name)))
    if broken:
        return "broken", broken
    return ("kept" if blobs else "none"), ()


def _blobs(artifact: Artifact, *, named_by_digest: bool) -> Iterator[tuple[str, Path, str]]:
    """Yield what is looked at: its path in the artifact, the file, and the name that promises its content."""
    if named_by_digest and artifact.single:
        yield artifact.name, artifact.path, artifact.path.name
    for entry in artifact.entries:
        if entry.link is LinkKind.STORAGE:
            name = blob_name(artifact.path / entry.path)
            if _is_named_by_digest(name):
                yield entry.path, Path(entry.base, entry.location), name


def _is_named_by_digest(name: str) -> bool:
    return bool(_SHA256.match(name) or _GIT_BLOB.match(name))


def _is_kept(blob: Path, name: str) -> bool:
    strong, git = _SHA256.match(name), _GIT_BLOB.match(name)
    with blob.open("rb") as file:
        if strong:
            return hashlib.file_digest(file, "sha256").hexdigest() == strong[1]
        return git is not None and _git_blob(file, blob.stat().st_size) == git[1]


def _git_blob(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for block in iter(lambda: file.read(1 << 20), b""):
        digest.update(block)
    return digest.hexdigest()
