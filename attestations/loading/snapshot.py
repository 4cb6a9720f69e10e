"""A snapshot: a private, read-only copy of an artifact that has one identity, and is gone afterwards."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from weightmark.attestations.loading.copying import copy_file
from weightmark.attestations.loading.new_folders import NewFolders
from weightmark.errors import CallError, TamperedError, read_failure
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.manifest import SINGLE_FILE, Manifest
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.reading.small import Folders

__all__ = ["take_snapshot"]

_OWN = 0o700


@contextlib.contextmanager
def take_snapshot(
    artifact: Artifact,
    identity: str,
    *,
    folder: Path | None = None,
    progress: ProgressSink | None = None,
) -> Iterator[Path]:
    """Copy `artifact` into a temporary folder that only this user can enter, and remove it afterwards.

    `folder` is where that folder is made (default: the system's place for temporary files); on the
    artifact's own file system blocks can be shared. Sidecars, `.git` and other parts outside of the
    artifact are left out, and links become files.

    Raises `TamperedError` when the copy has another identity than `identity`, `ArtifactRefusedError`,
    `CallError` for a folder inside the artifact, `ReadError`.
    """
    artifact.require_identifiable()
    place = _make_folder(artifact, folder)
    try:
        root = place / _name(artifact)
        copied = _copy(artifact, root, progress)
        if copied.identity != identity:
            raise TamperedError(
                "the artifact is not what was judged: it changed before it could be copied",
                why=f"{copied.identity} instead of {identity}",
                fix="run again when nothing writes to it, and find out who did",
            )
        yield root
    finally:
        _remove(place)


def _make_folder(artifact: Artifact, folder: Path | None) -> Path:
    parent = Path(os.path.realpath(folder or tempfile.gettempdir()))
    if not artifact.single and parent.is_relative_to(artifact.path):
        raise CallError(
            f"the snapshot would lie inside the artifact, in `{parent}`",
            fix="name another folder with `--snapshot-dir DIR`",
        )
    try:
        return Path(tempfile.mkdtemp(prefix="weightmark-", dir=parent))
    except OSError as error:
        raise read_failure(parent, error) from error


def _name(artifact: Artifact) -> str:
    """Keep the last component, because libraries name models after their folder."""
    name = artifact.path.name
    return name if name.isprintable() and name.isascii() and name else "model"


def _copy(artifact: Artifact, root: Path, progress: ProgressSink | None) -> Manifest:
    rows = []
    with Folders() as bases, NewFolders(root.parent) as folders:
        for entry in artifact.entries:
            path = root.name if entry.path == SINGLE_FILE else f"{root.name}/{entry.path}"
            try:
                folder, name = folders.place(path)
            except OSError as error:
                raise read_failure(root, error) from error
            rows.append(copy_file(entry, bases[entry.base], name, folder=folder, progress=progress))
        try:
            folders.protect()
        except OSError as error:
            raise read_failure(root, error) from error
    return Manifest.from_rows(rows)


def _remove(place: Path) -> None:
    """Remove the folder and all in it, whatever the command made of it; nothing interrupts that."""
    interrupted: BaseException | None = None
    while True:
        try:
            _remove_once(place)
            break
        except (KeyboardInterrupt, SystemExit) as error:
            interrupted = error
    if interrupted:
        raise interrupted


def _remove_once(place: Path) -> None:
    with contextlib.suppress(OSError):
        place.chmod(_OWN)
        for _, folders, _, descriptor in os.fwalk(place):
            for name in folders:
                if not stat.S_ISLNK(os.lstat(name, dir_fd=descriptor).st_mode):
                    os.chmod(name, _OWN, dir_fd=descriptor)
    shutil.rmtree(place, ignore_errors=True)
