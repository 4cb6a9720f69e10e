"""Pushing: the files of an artifact, then the manifest that names them, then the claims about it.

A tag moves last of all, so that nobody who pulls it meanwhile gets half of anything.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from weightmark.errors import CallError, FileChangedError, NetworkError, read_failure
from weightmark.provenance.artifact import Entry
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import ProgressSink, Reading
from weightmark.provenance.reading.files import open_base
from weightmark.provenance.sources.oci.attached import Attachment, attach
from weightmark.provenance.sources.oci.documents import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Index,
    digest_of,
)
from weightmark.provenance.sources.oci.messages import Body
from weightmark.provenance.sources.oci.packing import PackedFile, pack
from weightmark.provenance.sources.oci.registry import Repository
from weightmark.values import dataclass

__all__ = ["Pushed", "attach_to", "push"]

_BLOCK = 1024 * 1024
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Pushed:
    """What stands in the registry now."""

    pinned: str
    """`oci://HOST/REPOSITORY@sha256:…`"""
    digest: str
    """`sha256:<hex>` of the manifest"""
    moved_from: str
    """the digest that the tag named before; empty when it is new, or the same"""
    uploaded: int
    """layers that were sent"""
    kept: int
    """layers that were there already"""
    claims: int
    """claims that were attached now"""


def push(
    repository: Repository,
    reading: Reading[Any],
    claims: Sequence[Attachment],
    *,
    move: bool = False,
    progress: ProgressSink | None = None,
) -> Pushed:
    """Push a tree that was read with SHA-256, and attach `claims`.

    Raises `CallError` for a tag that names something else, unless it may `move`, before anything is
    sent, `FileChangedError` when a file is another one than was read, `NetworkError`,
    `LimitError` for more files than a manifest holds.
    """
    package = pack(PackedFile(one.path, one.size, one.sha256) for one in reading.files)
    tag = repository.reference.tag
    before = repository.digest_of_tag(tag) if tag else ""
    digest = package.descriptor.digest
    _require_same(repository, digest)
    if not move:
        _require_unmoved(repository, before, digest)
    config = digest_of(package.config)
    if not repository.has_blob(config):
        repository.put_blob(config, Body.of(package.config))
    sent = _Sent(repository, progress)
    for file in reading.files:
        sent.send(file.entry, f"sha256:{file.sha256}", file.size)
    repository.put_document(digest, package.manifest, MANIFEST_TYPE)
    attached = attach(repository, package.descriptor, list(claims))
    if tag and before != digest:
        if not move:
            _require_unmoved(repository, repository.digest_of_tag(tag), digest)
        repository.put_document(tag, package.manifest, MANIFEST_TYPE)
    pinned = str(repository.reference.pinned(digest))
    moved = before if before != digest else ""
    return Pushed(pinned, digest, moved, sent.uploaded, sent.kept, attached)


def attach_to(repository: Repository, claims: Sequence[Attachment]) -> Pushed:
    """Attach `claims` to what stands in the registry already; raises `NetworkError` when nothing does."""
    document, data = repository.document(repository.reference.name)
    kind = INDEX_TYPE if isinstance(document, Index) else MANIFEST_TYPE
    attached = attach(repository, Descriptor.of(data, kind), list(claims))
    pinned = str(repository.reference.pinned(document.digest))
    return Pushed(pinned, document.digest, "", 0, 0, attached)


class _Sent:
    """Layers on their way."""

    def __init__(self, repository: Repository, progress: ProgressSink | None) -> None:
        self._repository = repository
        self._progress = progress
        self._done: set[str] = set()
        self.uploaded = 0
        self.kept = 0

    def send(self, entry: Entry, digest: str, size: int) -> None:
        """Send one file unless the registry has its content; a broken upload is begun anew."""
        if digest in self._done or self._repository.has_blob(digest):
            self._done.add(digest)
            self.kept += 1
            self._advance(size)
            return
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._repository.put_blob(digest, _body(entry, digest, size, self._advance))
            except NetworkError:
                if attempt == _ATTEMPTS:
                    raise
            else:
                break
        self._done.add(digest)
        self.uploaded += 1

    def _advance(self, count: int) -> None:
        if self._progress:
            self._progress.advance(count)


def _require_same(repository: Repository, digest: str) -> None:
    """Refuse a reference whose digest is not that of what is pushed."""
    named = repository.reference.digest
    if named and named != digest:
        raise CallError(
            f"`{repository.reference}` names another manifest than this artifact has",
            why=f"its manifest is {digest}",
            fix="push to a tag",
        )


def _require_unmoved(repository: Repository, now: str, digest: str) -> None:
    """Refuse a tag that names something else, as somebody else may have pushed it."""
    if now and now != digest:
        raise CallError(
            f"`{repository.reference}` names something else: {now}",
            why="whoever deploys the tag would get this instead",
            fix="push to another tag, or say that it may move with `--move`",
        )


def _body(entry: Entry, digest: str, size: int, advance: Callable[[int], object]) -> Body:
    return Body(size, lambda: _blocks(entry, digest, size, advance))


def _blocks(
    entry: Entry, digest: str, size: int, advance: Callable[[int], object]
) -> Iterator[bytes]:
    """Yield a file that must be the one that was read; what differs is never sent to its end."""
    found = hashlib.sha256()
    left = size
    try:
        with open_base(entry.base) as base, os.fdopen(base.file(entry.location), "rb") as file:
            held = b""
            while block := file.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                found.update(block)
                if held:
                    yield held
                    advance(len(held))
                held = block
    except OSError as error:
        raise read_failure(escape_path(entry.path), error) from error
    if left or f"sha256:{found.hexdigest()}" != digest:
        raise FileChangedError(
            f"`{escape_path(entry.path)}` changed while it was pushed",
            fix="push again when nothing writes to it",
        )
    yield held
    advance(len(held))
