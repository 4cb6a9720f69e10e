"""The cache of the hub's own client as a source: one revision as it was downloaded, without network.

    <cache>/models--OWNER--NAME/refs/<revision>           the commit that it was when it was asked for
                                trees/<commit>.json       what the commit holds, as the hub listed it
                                snapshots/<commit>/<path> a link to a blob, or where links are none the file
                                blobs/<etag>              SHA-256 of a large file, git's name of a small one

Every byte is held against the list, and the names of blobs too. The list itself is the word of whoever
may write to the cache; who vouches for the files is the business of a signature or a lock.
"""

import hashlib
import os
import stat
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import BinaryIO, Self

from weightmark.errors import (
    ArtifactRefusedError,
    NetworkError,
    PromiseBrokenError,
    UncheckedError,
    UnsupportedError,
    read_failure,
)
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.hub_storage import blob_name, hub_cache
from weightmark.provenance.links import LinkKind, LinkResolver
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sidecars import RESERVED_NAMES, read_bounded
from weightmark.provenance.sources.huggingface.address import COMMIT, HubAddress
from weightmark.provenance.sources.huggingface.listing import MAX_ANSWER, read_kept_files
from weightmark.provenance.sources.interface import Member, Part, Snapshot
from weightmark.provenance.sources.promises import PromiseCheck

__all__ = ["HubCacheSource", "blocks_of", "kept_blob"]

_BLOCK = 1024 * 1024
_MOST_SHOWN = 3
_MOST_THREADS = 8
_LONGEST_REFERENCE = 256
_BLOB = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_NAMED_BY = {64: "sha256", 40: "gitBlob"}
"""what the name of a blob is, by its length"""


class HubCacheSource:
    """One repository in the cache that `HF_HUB_CACHE` or `HF_HOME` name."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`."""
        self._asked = HubAddress.parse(uri)
        self._uri = uri
        self._repository = _repository_of(self._asked)
        self._places: dict[str, tuple[str, str]] = {}

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
        """Find the commit and every file that its list names; nothing is read yet.

        Raises `NetworkError` for what is not in the cache, `UncheckedError` when that is not the whole
        revision or nothing says what the whole is, `ArtifactRefusedError` for a link that leads out, and
        `PromiseBrokenError` when a blob is named otherwise than the list says.
        """
        pinned = self._asked.at(self._commit())
        folder = self._folder(pinned)
        parts = read_kept_files(self._list(pinned), pinned.uri)
        snapshot = Snapshot.of(
            self._uri,
            pinned.uri,
            tuple(parts),
            digest={"gitCommit": pinned.revision},
            kind=pinned.kind,
            cached=True,
        )
        resolver = LinkResolver.for_root(folder)
        paths = [part.path for part in snapshot.parts]
        missing = [path for path in paths if not os.path.exists(folder / path)]  # noqa: PTH110 - never raises
        if missing:
            raise _partial(pinned, missing, len(snapshot.parts))
        try:
            self._places = {part.location: _place(resolver, part) for part in snapshot.parts}
        except OSError as error:
            raise read_failure(error.filename or folder, error) from error
        return snapshot

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a file, opened without following links."""
        if not self._places:
            self.resolve()
        if part.location not in self._places:
            raise PromiseBrokenError(f"the list in the hub's cache does not name `{part.label}`")
        base, location = self._places[part.location]
        try:
            with Beneath(base) as tree:
                file = os.fdopen(tree.file(location), "rb")
            yield from blocks_of(file, offset)
        except OSError as error:
            raise read_failure(part.label, error) from error

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """The hub keeps files as they stand."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def checked(self, progress: ProgressSink | None = None) -> tuple[Snapshot, Path]:
        """Read every file of the revision and return the folder in which it lies, which holds nothing else.

        Raises what `resolve` raises, and `PromiseBrokenError` for other bytes than the list promises and
        for a file that it does not name.
        """
        snapshot = self.resolve()
        folder = self._repository / "snapshots" / snapshot.digest["gitCommit"]
        _require_nothing_else(folder, snapshot)
        stopped = Event()

        def check(part: Part) -> None:
            promise = PromiseCheck(part, part.size or 0)
            for block in self.read(part):
                if stopped.is_set():
                    return
                promise.update(block)
                if progress:
                    progress.advance(len(block))
            promise.require_kept(f"the hub's cache of {snapshot.pinned}")

        with ThreadPoolExecutor(min(_MOST_THREADS, len(snapshot.parts))) as threads:
            try:
                deque(threads.map(check, snapshot.parts), maxlen=0)
            finally:
                stopped.set()
        return snapshot, folder

    def _commit(self) -> str:
        if self._asked.is_pinned:
            return self._asked.revision
        path = self._repository / "refs" / self._asked.revision
        if not os.path.isfile(path):  # noqa: PTH113 - never raises
            raise self._absent(self._asked)
        data = read_bounded(path, follow=False, limit=_LONGEST_REFERENCE)
        commit = data.decode("ascii", "replace").strip()
        if not COMMIT.match(commit):
            raise UncheckedError(
                f"`{path}` names no commit", fix="download the revision again with `hf download`"
            )
        return commit

    def _folder(self, pinned: HubAddress) -> Path:
        """Return the folder of the snapshot, free of links."""
        folder = self._repository / "snapshots" / pinned.revision
        if not os.path.isdir(folder):  # noqa: PTH112 - never raises
            raise self._absent(pinned)
        real = Path(os.path.realpath(folder))
        if real != Path(os.path.realpath(self._repository)) / "snapshots" / pinned.revision:
            raise ArtifactRefusedError(
                f"`{folder}` is a link", why="a snapshot lies in its own repository's folder"
            )
        return real

    def _list(self, pinned: HubAddress) -> bytes:
        path = self._repository / "trees" / f"{pinned.revision}.json"
        if os.path.isfile(path):  # noqa: PTH113 - never raises
            return read_bounded(path, follow=False, limit=MAX_ANSWER)
        folder = self._repository / "snapshots" / pinned.revision
        raise UncheckedError(
            f"nothing in the hub's cache says which files `{pinned.uri}` has",
            why=f"`{path}` is missing: single files were downloaded, or by a client before version 2",
            fix=f"download all of it with `hf download`, or name the folder `{folder}`, which is then looked at as it lies there",
        )

    def _absent(self, address: HubAddress) -> NetworkError:
        return NetworkError(
            f"`{address.uri}` cannot be fetched with `--offline` and does not lie in the hub's cache",
            why=f"looked for in `{self._repository}`",
            fix="leave `--offline` out and unset `HF_HUB_OFFLINE`, or download it before with `hf download`",
        )


def kept_blob(address: HubAddress, part: Part) -> BinaryIO | None:
    """Return the bytes that a part promises by SHA-256, open at their beginning, if they lie in the cache; else None.

    What lies there otherwise is as if it were not there. By SHA-1 nothing is taken: it withstands no forger.
    """
    promised = part.digests.get("sha256")
    if not promised:
        return None
    try:
        file = os.fdopen(os.open(_repository_of(address) / "blobs" / promised, _BLOB), "rb")
    except OSError:
        return None
    try:
        status = os.fstat(file.fileno())
        sound = stat.S_ISREG(status.st_mode) and status.st_size == part.size
        if sound and hashlib.file_digest(file, "sha256").hexdigest() == promised:
            file.seek(0)
            return file
    except OSError:
        pass
    file.close()
    return None


def blocks_of(file: BinaryIO, offset: int) -> Generator[bytes, None, None]:
    """Yield an open file from `offset` on, and close it."""
    with file:
        file.seek(offset)
        while block := file.read(_BLOCK):
            yield block


def _repository_of(address: HubAddress) -> Path:
    name = "--".join((address.folder, *address.repository.split("/")))
    return hub_cache(os.environ).absolute() / name


def _partial(pinned: HubAddress, missing: list[str], whole: int) -> UncheckedError:
    names = ", ".join(f"`{escape_path(path)}`" for path in missing[:_MOST_SHOWN])
    more = f" and {len(missing) - _MOST_SHOWN} more" if len(missing) > _MOST_SHOWN else ""
    return UncheckedError(
        f"the hub's cache lacks {names}{more} of `{pinned.uri}`",
        why=f"{whole - len(missing)} of {whole} files lie there, so that is not the artifact",
        fix="download all of it with `hf download`, or leave `--offline` out",
    )


def _place(resolver: LinkResolver, part: Part) -> tuple[str, str]:
    """Return where the bytes of a part lie: the folder, and a path beneath it that is free of links."""
    path = resolver.root / part.path
    if not path.is_symlink():
        return str(resolver.root), part.path
    target = resolver.resolve(part.path)
    if isinstance(target, str) or target.kind is not LinkKind.STORAGE:
        what = target if isinstance(target, str) else "is a link to another file of the snapshot"
        raise ArtifactRefusedError(
            f"`{part.label}` in the hub's cache {what}",
            why="files of a snapshot lie among the blobs of its repository",
            fix="find out who writes there, then delete it with `hf cache rm` and download it again",
        )
    name = blob_name(path)
    promised = part.digests.get(_NAMED_BY.get(len(name), ""), name)
    if promised != name:
        raise PromiseBrokenError(
            f"`{part.label}` in the hub's cache is another file than its list says",
            why=f"promised {promised}, and it is a link to {name[:80]}",
            fix="find out who writes there, then delete it with `hf cache rm` and download it again",
        )
    return target.base, target.location


def _require_nothing_else(folder: Path, snapshot: Snapshot) -> None:
    """Refuse what lies in a snapshot and no list names; a loader would take it."""
    artifact = open_artifact(folder)
    there = [entry.path for entry in artifact.entries]
    there += [name for name in RESERVED_NAMES if os.path.lexists(folder / name)]
    there += [problem.path for problem in artifact.problems]
    others = sorted(set(there) - {part.path for part in snapshot.parts})
    if others:
        raise PromiseBrokenError(
            f"`{escape_path(others[0])}` lies in the hub's cache of `{snapshot.pinned}`, and its list does not name it",
            why="somebody else than the hub's client put it there",
            fix=f"look at it, and remove it from `{folder}`",
        )
