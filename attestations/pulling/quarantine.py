"""Quarantine: a private folder beside the destination, on its file system, held by one pull at a time.

What a killed pull leaves there stays private: the next pull of the same snapshot goes on with it,
and of another begins anew.
"""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from weightmark.errors import CallError, UncheckedError, read_failure
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.values import dataclass

__all__ = ["Quarantine", "Seen"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PRIVATE = 0o700
_PRIVATE_FILE = 0o600
_LONGEST_NAME = 200
_PLAN = "plan"
_MOVING = "moving"
_WRITABLE_BY_OTHERS = 0o022
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What the system says of one file; equal only if nobody touched it in between."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int


def require_room(to: Path) -> None:
    """Refuse a destination that nothing can be put at, before anything is asked for; raises `CallError`.

    The folder that is to hold it may be missing, and is made; the one above that may not.
    """
    if to.is_symlink() or not to.name:
        raise CallError(f"`{to}` is a link, or the root", fix="name the folder itself")
    parent = to.parent
    if not parent.is_dir() and (os.path.lexists(parent) or not parent.parent.is_dir()):
        raise CallError(
            f"the folder `{parent}` does not exist",
            fix=f"make it with `mkdir -p {parent}`, or name another place",
        )


class Quarantine:
    """One quarantine, locked; a context manager. Made by `open`."""

    def __init__(self, root: Path, lock: "_Lock", to: Path) -> None:
        """Use `open`."""
        self.root = root
        self.to = to
        self.tree = root / "artifact" / to.name
        """where the artifact is put together"""
        self.archives = root / "archives"
        """archives before they are unpacked"""
        self.claims = root / "claims"
        """claims that the source keeps beside the artifact"""
        self._lock = lock

    @classmethod
    def open(cls, to: Path, plan: str) -> Self:
        """Enter the quarantine of the destination `to`, for a pull of what `plan` says.

        What was fetched for another plan is removed. Raises `CallError` when there is no folder to
        put it into or `to` is a link, `UncheckedError` when another pull holds it or it is not ours, `ReadError`.
        """
        require_room(to)
        parent = to if _is_mount(to) else to.parent
        root = parent / _quarantine_name(to.name)
        try:
            parent.mkdir(exist_ok=True)
            entered = cls(root, _locked(root, to), to)
        except OSError as error:
            raise read_failure(root, error) from error
        try:
            entered._begin(plan)
        except OSError as error:
            entered._lock.let_go()
            raise read_failure(root, error) from error
        except BaseException:
            entered._lock.let_go()
            raise
        return entered

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of it; what lies there stays for the next pull."""
        self._lock.let_go()

    @property
    def replaced(self) -> Path:
        """Where an older artifact is put while it is replaced."""
        return self.root / "replaced"

    @contextmanager
    def place(self, path: str) -> Iterator[tuple[int, str]]:
        """Make the folders on the way to a relative path in the tree; yield the last one, open, and the name."""
        *folders, name = path.split("/")
        here = os.open(self.tree, _FOLDER)
        try:
            for folder in folders:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=here)
                inner = os.open(folder, _FOLDER, dir_fd=here)
                os.close(here)
                here = inner
            yield here, name
        finally:
            os.close(here)

    def look(self) -> dict[str, Seen]:
        """Return every name in the tree, folders included, and what the system says of it.

        Raises `ReadError`.
        """
        found: dict[str, Seen] = {}
        pending = [""]
        try:
            while pending:
                prefix = pending.pop()
                with os.scandir(self.tree / prefix) as items:
                    for item in items:
                        path = f"{prefix}{item.name}"
                        status = item.stat(follow_symlinks=False)
                        folder = stat.S_ISDIR(status.st_mode)
                        found[path] = _seen(status, folder=folder)
                        if folder:
                            pending.append(f"{path}/")
        except OSError as error:
            raise read_failure(self.tree, error) from error
        return found

    def forget_plan(self) -> None:
        """Let the next pull begin anew: what lies here is about to be moved. Raises `ReadError`."""
        replace_file(self.root / _PLAN, b"", mode=_PRIVATE_FILE)

    def note_moving(self, names: Iterable[str]) -> None:
        """Write down which names are about to be moved into the destination one by one; raises `ReadError`."""
        content = b"\0".join(os.fsencode(name) for name in names)
        replace_file(self.root / _MOVING, content, mode=_PRIVATE_FILE)

    def forget_moving(self) -> None:
        """Note that every name lies in the destination, so that no later pull takes one back; raises `ReadError`."""
        (self.root / _MOVING).unlink(missing_ok=True)
        sync_folder(self.root)

    def discard(self) -> None:
        """Remove everything, and the quarantine itself."""
        self._empty()
        with contextlib.suppress(OSError):
            self.root.rmdir()

    def _begin(self, plan: str) -> None:
        """Keep what an earlier pull of the same plan fetched; else begin with nothing."""
        self._undo()
        plan_path = self.root / _PLAN
        kept = _content(plan_path)
        if kept != plan.encode():
            self._empty()
            replace_file(plan_path, plan.encode(), mode=_PRIVATE_FILE)
        for folder in (self.tree, self.archives, self.claims):
            folder.mkdir(parents=True, exist_ok=True)

    def _undo(self) -> None:
        """Take back what a pull that was killed while placing had done by halves."""
        if self.replaced.exists() and not os.path.lexists(self.to):
            self.replaced.rename(self.to)
        moving = _content(self.root / _MOVING)
        names = [os.fsdecode(name) for name in moving.split(b"\0")] if moving else []
        if any(os.path.lexists(self.tree / name) for name in names):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    (self.to / name).rename(self.tree / name)
        (self.root / _MOVING).unlink(missing_ok=True)

    def _empty(self) -> None:
        for item in self.root.iterdir():
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()


class _Lock:
    """A descriptor that holds the lock of a quarantine.

    An interrupt may come before anybody could enter the quarantine; a process that goes on, as one
    with a notebook, must not hold the lock then.
    """

    _descriptor = -1

    def __init__(self, root: Path) -> None:
        self._descriptor = os.open(root, _FOLDER)

    def status(self) -> os.stat_result:
        """Return what the system says of the folder."""
        return os.fstat(self._descriptor)

    def take(self) -> None:
        """Take the lock; raises `BlockingIOError` when somebody holds it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def let_go(self) -> None:
        """Close the descriptor, once."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.let_go()


def _locked(root: Path, to: Path) -> _Lock:
    """Return the lock of the quarantine; raises `UncheckedError` when another pull holds it."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileExistsError):
            root.mkdir(mode=_PRIVATE)
        try:
            lock = _Lock(root)
        except FileNotFoundError:
            continue
        except NotADirectoryError as error:
            raise _foreign(root) from error
        try:
            status = lock.status()
            _require_private(status, root)
            lock.take()
        except BlockingIOError as error:
            lock.let_go()
            raise UncheckedError(
                f"another pull to `{to}` is under way", fix="wait until it is done, then try again"
            ) from error
        except BaseException:
            lock.let_go()
            raise
        if _is_same(root, status):
            return lock
        lock.let_go()
    raise UncheckedError(f"other pulls to `{to}` come and go", fix="try again when they are done")


def _require_private(status: os.stat_result, root: Path) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE_BY_OTHERS:
        raise _foreign(root)


def _is_same(root: Path, status: os.stat_result) -> bool:
    """Tell whether the folder that was locked still stands there: a pull that ends removes its own."""
    try:
        return os.path.samestat(root.lstat(), status)
    except FileNotFoundError:
        return False


def _foreign(root: Path) -> UncheckedError:
    return UncheckedError(
        f"`{root}` is not a private folder of this user",
        why="somebody else could change there what is being judged",
        fix="look who made it, remove it, or pull to another place",
    )


def _quarantine_name(name: str) -> str:
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = sha256(os.fsencode(name)).hexdigest()
    return f".{name}.weightmark-pull"


def _is_mount(path: Path) -> bool:
    """Tell whether a file system of its own is mounted there, which can't be renamed over."""
    try:
        return path.is_dir() and path.is_mount()
    except OSError:
        return False


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _seen(status: os.stat_result, *, folder: bool) -> Seen:
    if folder:
        return Seen(status.st_ino, 0, 0, 0, stat.S_IFMT(status.st_mode))
    return Seen(
        status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode
    )
