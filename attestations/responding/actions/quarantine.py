"""Moving an artifact out of the way: the one that was judged, to a folder that only its owner can enter.

It is moved by its name within one file system, never copied and never through a link; what was moved is held
against what was judged, and moved back when it is something else.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from weightmark.attestations.responding.happening import Happening, Mark, Trigger
from weightmark.errors import (
    CallError,
    FileChangedError,
    RefusedError,
    UncheckedError,
    UnsupportedError,
    WeightmarkError,
    read_failure,
)
from weightmark.values import dataclass

__all__ = ["Quarantine"]

_NAME, _RECORD = "artifact", "record.json"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Moves a folder or a file away."""

    folder: Path
    """where it goes; on the same file system as the artifact"""

    def plan(self, happening: Happening) -> str:
        """Say what would be moved; raises `UncheckedError` when it lies here and nobody can tell where."""
        if happening.unplaced:
            raise UncheckedError("it is not known what to move", why=happening.unplaced)
        return f"move `{happening.path}` into `{self.folder}`" if happening.path else ""

    def act(self, happening: Happening) -> str:
        """Move it; raises `CallError` for what nobody may move, `FileChangedError` for another artifact than was judged."""
        if happening.path is None:
            return "nothing lies here that could be moved"
        if happening.trigger is Trigger.REVOKE and not happening.identity:
            raise RefusedError(
                f"`{happening.path}` is not moved", why="what was revoked is no artifact"
            )
        path = Path(os.path.realpath(happening.path.parent)) / happening.path.name
        self._require_movable(path)
        _require_same(path, happening)
        with _opened(path.parent) as parent, self._cell(happening) as (cell, place):
            _move(path.name, parent, _NAME, cell, path)
            try:
                _require_moved(place / _NAME, happening)
            except WeightmarkError:
                with suppress(OSError):
                    _move_back(cell, path.name, parent)
                raise
            _write(_RECORD, self._record(path, happening), cell)
            os.fsync(parent)
        return f"moved `{path}` to `{place / _NAME}`"

    def _require_movable(self, path: Path) -> None:
        here, target = Path.cwd().resolve(), Path(os.path.realpath(self.folder))
        home = Path.home().resolve()
        if path.name in {"", ".", ".."} or path in {here, home, Path("/")}:
            raise CallError(f"`{path}` is not moved into quarantine", why="it is no artifact")
        for other, what in (
            (here, "the current folder"),
            (home, "your home"),
            (target, "the quarantine"),
        ):
            if other.is_relative_to(path):
                raise CallError(f"`{path}` is not moved into quarantine", why=f"{what} lies in it")
        if path.is_relative_to(target):
            raise CallError(f"`{path}` is in quarantine already")

    @contextmanager
    def _cell(self, happening: Happening) -> Iterator[tuple[int, Path]]:
        """Make a folder of its own for what is moved, and open it."""
        place = self.folder / f"{happening.event.at:%Y%m%dT%H%M%SZ}-{happening.event.uid[:16]}"
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            with _opened(self.folder) as folder:
                _require_private(folder, self.folder)
                os.mkdir(place.name, 0o700, dir_fd=folder)
                with _opened(place.name, folder) as cell:
                    yield cell, place
        except OSError as error:
            raise read_failure(place, error) from error
        finally:
            # only an empty one goes: what was moved stays
            with suppress(OSError):
                place.rmdir()

    def _record(self, path: Path, happening: Happening) -> bytes:
        members = {**happening.to_json(), "moved_from": str(path)}
        return json.dumps(members, indent=1, sort_keys=True).encode("ascii") + b"\n"


def _require_same(path: Path, happening: Happening) -> None:
    """Refuse a link, and another file or folder than stood there before it was judged."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise read_failure(path, error) from error
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        raise RefusedError(
            f"`{path}` is a link or a special file, and is not moved",
            fix="move what it leads to by hand, once you know what that is",
        )
    if happening.mark != Mark(status.st_dev, status.st_ino):
        raise _swapped(path)


def _require_moved(place: Path, happening: Happening) -> None:
    """Hold what was moved against what was judged: number and content."""
    if happening.mark != Mark.of(place):
        raise _swapped(place)
    if happening.identity and _identity(place) != happening.identity:
        raise _swapped(place)


def _identity(place: Path) -> str:
    from weightmark.provenance.identification import identify

    return identify(place).identity


def _swapped(path: Path) -> FileChangedError:
    return FileChangedError(
        f"`{path}` is not what was judged, and is not moved",
        why="it was replaced or changed since",
        fix="judge it again",
    )


def _move(name: str, source: int, new: str, target: int, path: Path) -> None:
    try:
        os.rename(name, new, src_dir_fd=source, dst_dir_fd=target)
    except OSError as error:
        import errno

        if error.errno == errno.EXDEV:
            raise UnsupportedError(
                f"`{path}` and the quarantine lie on different file systems",
                why="it is moved and never copied",
                fix="name a quarantine on the file system of the artifact",
            ) from error
        raise read_failure(path, error) from error


def _move_back(cell: int, name: str, parent: int) -> None:
    """Put it back where it was, unless something stands there by now."""
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(_NAME, name, src_dir_fd=cell, dst_dir_fd=parent)


def _require_private(folder: int, path: Path) -> None:
    status = os.fstat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise UncheckedError(
            f"the quarantine `{path}` is not yours alone",
            why="others could take out what was put there, or put something in its place",
            fix=f"run `chmod 700 {path}`, or name another folder",
        )


def _write(name: str, data: bytes, folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    os.fsync(folder)


@contextmanager
def _opened(folder: Path | str, within: int | None = None) -> Iterator[int]:
    try:
        descriptor = os.open(folder, _FOLDER, dir_fd=within)
    except OSError as error:
        raise read_failure(folder, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
