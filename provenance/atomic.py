"""Atomic writes: a file is either the old one or the new one, never half of either."""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from weightmark.errors import read_failure

__all__ = [
    "create_file",
    "exclusive",
    "name_files",
    "replace_file",
    "replace_files",
    "stream_file",
    "sync_folder",
]

_NO_NAMELESS_FILES = frozenset([errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT])
"""what file systems and kernels without O_TMPFILE answer"""


def replace_files(contents: Mapping[Path, bytes], *, mode: int = 0o644) -> None:
    """Write all files: first each without a name, then give them their names one after the other.

    Nothing is named before all are durable, so a full disk leaves the old files and a killed
    process leaves no half ones. Raises `ReadError`.
    """
    path = Path()
    try:
        with contextlib.ExitStack() as stack:
            staged = {}
            for path, content in contents.items():
                staged[path] = stack.enter_context(_staged(path, content, mode))
            for path, file in staged.items():
                file.replace(path)
        for folder in {path.parent for path in contents}:
            sync_folder(folder)
    except OSError as error:
        raise read_failure(path, error) from error


def replace_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write one file whole; its name becomes durable with `sync_folder`. Raises `ReadError`."""
    try:
        with _staged(path, content, mode) as file:
            file.replace(path)
    except OSError as error:
        raise read_failure(path, error) from error


def name_files(folder: Path, contents: Mapping[str, bytes], *, mode: int = 0o644) -> None:
    """Write many small files whole below a folder; their names become durable with `sync_folder`.

    As `replace_file` of each, but quicker for names that are free. Raises `ReadError`.
    """
    place = str(folder)
    flags = getattr(os, "O_TMPFILE", 0) | os.O_WRONLY | os.O_CLOEXEC
    quick = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")  # noqa: PTH112 - a probe of the kernel, not of a file
    for name, content in contents.items():
        if not quick or not _named_quickly(place, name, content, flags, mode):
            replace_file(folder / name, content, mode=mode)


def _named_quickly(folder: str, name: str, content: bytes, flags: int, mode: int) -> bool:
    """Write a file without a name, then name it; whatever hinders it is left to the careful way."""
    try:
        descriptor = os.open(folder, flags, mode)
        try:
            if os.write(descriptor, content) != len(content):
                return False
            os.fsync(descriptor)
            os.link(f"/proc/self/fd/{descriptor}", f"{folder}/{name}", src_dir_fd=descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


def stream_file(path: Path, blocks: Iterable[bytes], *, mode: int = 0o644) -> None:
    """Write one file of any size, block by block; it has its name only once it is whole.

    Raises `ReadError`, and whatever making the blocks raises; then nothing was written.
    """
    try:
        with _staged(path, blocks, mode) as file:
            file.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise read_failure(path, error) from error


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold an advisory lock on a folder, so that what is read in it can be written back.

    Nothing is created. Where the file system knows no locks, none is held. Raises `ReadError`.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise read_failure(folder, error) from error
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises `ReadError`."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise read_failure(folder, error) from error


def _require_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of a device, a FIFO or a folder."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise OSError(errno.EEXIST, "is no regular file", str(path))


def create_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Create a file that did not exist, readable by its owner only unless `mode` says otherwise.

    Raises `FileExistsError` when anything stands there already, `ReadError` when writing fails.
    """
    try:
        with _staged(path, content, mode) as file:
            file.link(path)
        sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise read_failure(path, error) from error


class _Staged:
    """Durable content that waits for its name."""

    def __init__(self, descriptor: int, temporary: Path | None) -> None:
        self.descriptor = descriptor
        self._temporary = temporary

    def link(self, path: Path) -> None:
        """Give the content a name that is free; raises `FileExistsError`."""
        if self._temporary:
            os.link(self._temporary, path)
        else:
            # Only a call with a folder descriptor makes CPython follow the link in /proc.
            os.link(f"/proc/self/fd/{self.descriptor}", path, src_dir_fd=self.descriptor)

    def replace(self, path: Path) -> None:
        """Give the content a name, free or that of a file."""
        _require_replaceable(path)
        if self._temporary is None:
            with contextlib.suppress(FileExistsError):
                self.link(path)
                return
            temporary = _temporary_name(path)
            self.link(temporary)
            self._temporary = temporary
        self._temporary.replace(path)
        self._temporary = None

    def discard(self) -> None:
        """Remove what got no final name."""
        os.close(self.descriptor)
        if self._temporary:
            with contextlib.suppress(OSError):
                self._temporary.unlink()


@contextlib.contextmanager
def _staged(path: Path, content: bytes | Iterable[bytes], mode: int) -> Iterator[_Staged]:
    """Write `content` durably onto the file system of `path`, without a name where that is possible."""
    file = _open_nameless(path, mode) or _open_named(path, mode)
    try:
        with open(file.descriptor, "wb", closefd=False) as stream:
            stream.writelines((content,) if isinstance(content, bytes) else content)
            stream.flush()
            os.fsync(stream.fileno())
        yield file
    finally:
        file.discard()


def _open_nameless(path: Path, mode: int) -> _Staged | None:
    """Open a file that vanishes with the process; None where the system has none such."""
    flags = getattr(os, "O_TMPFILE", 0)
    if not flags or not os.path.isdir("/proc/self/fd"):  # noqa: PTH112 - a probe of the kernel, not of a file
        return None
    try:
        return _Staged(os.open(path.parent, flags | os.O_WRONLY | os.O_CLOEXEC, mode), None)
    except OSError as error:
        if error.errno in _NO_NAMELESS_FILES and path.parent.is_dir():
            return None
        raise


def _open_named(path: Path, mode: int) -> _Staged:
    temporary = _temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return _Staged(os.open(temporary, flags, mode), temporary)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}.tmp")
