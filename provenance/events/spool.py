"""What a receiver did not take yet: files in a folder of the user's, sent by the next run that can.

A file is written before its events are sent and removed after, so that neither a receiver that is down nor a
process that is killed loses one. A receiver may see an event twice; its id is the same.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from weightmark.errors import LimitError, UncheckedError, WeightmarkError, read_failure
from weightmark.provenance.events.message import (
    LARGEST_PACK,
    Message,
    pack,
    packed_size,
    unpack,
)
from weightmark.values import dataclass

__all__ = ["Spool", "Stored"]

_MOST_FILES, _MOST_BYTES = 10_000, 64 * 1024 * 1024
"""of what waits"""
_MOST_REFUSED, _MOST_REFUSED_BYTES = 1000, 32 * 1024 * 1024
"""of what was set aside; beyond that the oldest goes"""
_FULL = LARGEST_PACK // 2
"""bytes at which a file takes no further message"""
_SUFFIX, _REFUSED, _UNFINISHED = ".events", ".refused", ".tmp"
_ABANDONED = 3600.0
"""seconds after which what a process left unfinished is removed"""
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Stored:
    """One file that this process holds, so that no other sends it at the same time."""

    name: str
    """its name in the folder"""
    messages: tuple[Message, ...]
    """what it holds"""
    problem: str = ""
    """why nobody can tell what it holds; empty for a good file"""


class Spool:
    """The folder of one receiver."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when something has to be stored."""
        self.folder = folder

    @contextmanager
    def stored(self, messages: Sequence[Message]) -> Iterator[tuple[Stored, ...]]:
        """Store messages durably, in as many files as it takes, and hold them.

        All are stored or none. Raises `ReadError`, `LimitError`, `UncheckedError`.
        """
        parcels = [(parcel, pack(parcel)) for parcel in _parcels(messages)]
        with self._opened() as folder, ExitStack() as held:
            self._require_room(len(parcels), sum(len(data) for _, data in parcels))
            made: list[Stored] = []
            try:
                for parcel, data in parcels:
                    name = f"{time.time_ns():020d}-{parcel[0].uid}{_SUFFIX}"
                    held.callback(os.close, self._create(folder, name, data))
                    made.append(Stored(name, parcel))
            except WeightmarkError:
                for one in made:
                    self.remove(one)
                raise
            yield tuple(made)

    def waiting(self) -> Iterator[Stored]:
        """Yield what earlier runs left, oldest first, each held while it is looked at.

        What another process holds is left to it; what cannot be read has a `problem`. Raises
        `UncheckedError` for a folder that others can write to.
        """
        if not self.folder.is_dir():
            return
        with self._opened() as folder:
            for name in sorted(os.listdir(folder)):  # noqa: PTH208 - a descriptor has no path
                if name.endswith(_SUFFIX):
                    yield from self._held(folder, name)
                elif name.endswith(_UNFINISHED):
                    _remove_abandoned(folder, name)

    def count(self) -> int:
        """Return how many files wait."""
        try:
            return sum(one.suffix == _SUFFIX for one in self.folder.iterdir())
        except OSError:
            return 0

    def remove(self, stored: Stored) -> None:
        """Forget what was delivered; that it cannot be removed only means that it is sent again."""
        with suppress(OSError):
            (self.folder / stored.name).unlink()

    def set_aside(self, stored: Stored) -> None:
        """Keep what the receiver refuses for ever for a person to look at, and send it no more."""
        path = self.folder / stored.name
        with suppress(OSError):
            path.rename(path.with_suffix(_REFUSED))
        with suppress(OSError):
            self._thin_out()

    def _thin_out(self) -> None:
        """Remove the oldest of what was set aside, as far as it is too much."""
        refused = sorted(one for one in self.folder.iterdir() if one.suffix == _REFUSED)
        sizes = [one.lstat().st_size for one in refused]
        left, size = len(refused), sum(sizes)
        for path, freed in zip(refused[:-1], sizes, strict=False):
            if left <= _MOST_REFUSED and size <= _MOST_REFUSED_BYTES:
                return
            path.unlink()
            left, size = left - 1, size - freed

    def _create(self, folder: int, name: str, data: bytes) -> int:
        """Write a file and give it its name once it is whole and held; return it open."""
        temporary = f".{name}{_UNFINISHED}"
        try:
            descriptor = os.open(temporary, _CREATE, 0o600, dir_fd=folder)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write(descriptor, data)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            except BaseException:
                os.close(descriptor)
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
        except OSError as error:
            raise read_failure(self.folder / name, error) from error
        return descriptor

    def _held(self, folder: int, name: str) -> Iterator[Stored]:
        try:
            descriptor = os.open(name, _READ, dir_fd=folder)
        except OSError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_still(descriptor, name, folder):
                return
            data = _read(descriptor)
            yield Stored(name, unpack(data))
        except BlockingIOError:
            return
        except OSError as error:
            yield Stored(name, (), (error.strerror or type(error).__name__).lower())
        except WeightmarkError as error:
            yield Stored(name, (), error.what)
        finally:
            os.close(descriptor)

    def _require_room(self, files: int, size: int) -> None:
        """Refuse what would make too much wait; what was set aside does not wait."""
        try:
            entries = [
                one.stat(follow_symlinks=False).st_size
                for one in os.scandir(self.folder)
                if not one.name.endswith(_REFUSED)
            ]
        except OSError as error:
            raise read_failure(self.folder, error) from error
        if len(entries) + files > _MOST_FILES or sum(entries) + size > _MOST_BYTES:
            raise LimitError(
                f"the spool of events at `{self.folder}` is full",
                why=f"it holds {len(entries)} files of {sum(entries)} bytes, and {size} bytes more are too many",
                fix="mend the receiver, or remove the files",
            )

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the folder, making it when absent; refuse one that is a link or that others can write to."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(
                self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except OSError as error:
            raise self._strange(error) from error
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise UncheckedError(
                    f"the spool of events at `{self.folder}` is not yours alone",
                    why="whoever can write there could send events in your name, or hide them",
                    fix=f"look what is in it, and run `chmod 700 {self.folder}`",
                )
            yield descriptor
        finally:
            os.close(descriptor)

    def _strange(self, error: OSError) -> WeightmarkError:
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EEXIST}:
            return UncheckedError(
                f"the spool of events at `{self.folder}` is no folder, or a link",
                fix="remove what stands there",
            )
        return read_failure(self.folder, error)


def _parcels(messages: Sequence[Message]) -> Iterator[tuple[Message, ...]]:
    """Divide messages so that each file of them can be read again."""
    parcel: list[Message] = []
    size = 0
    for message in messages:
        more = packed_size(message)
        if parcel and size + more > _FULL:
            yield tuple(parcel)
            parcel, size = [], 0
        parcel.append(message)
        size += more
    if parcel:
        yield tuple(parcel)


def _remove_abandoned(folder: int, name: str) -> None:
    """Remove what a process that died had begun to write."""
    with suppress(OSError):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if time.time() - status.st_mtime > _ABANDONED:
            os.unlink(name, dir_fd=folder)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _is_still(descriptor: int, name: str, folder: int) -> bool:
    """Tell whether an open file is ours and still stands under its name: another process may have sent it."""
    held = os.fstat(descriptor)
    try:
        there = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)


def _read(descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
    if not ours or status.st_size > LARGEST_PACK:
        raise UncheckedError("a file of the spool is not as it was written")
    blocks = []
    while block := os.read(descriptor, 1024 * 1024):
        blocks.append(block)
        if sum(map(len, blocks)) > LARGEST_PACK:
            raise UncheckedError("a file of the spool grew while it was read")
    return b"".join(blocks)
