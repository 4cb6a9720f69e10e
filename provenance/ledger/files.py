"""The files of a ledger folder: bounded reads, durable folders, locks."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from weightmark.errors import LimitError, ReadError, read_failure
from weightmark.provenance.atomic import replace_file, sync_folder

__all__ = ["file_digest", "is_locked", "locked", "make_folders", "read_file", "read_piece", "write_text_file"]  # fmt: skip

_BLOCK = 64 * 1024


def read_file(path: Path, *, max_size: int) -> bytes | None:
    """Return the content of a regular file, None when it is absent.

    Raises `ReadError` for anything that is no regular file and `LimitError` over `max_size` bytes.
    """
    with _opened(path) as file:
        if file is None:
            return None
        data = file.read(max_size + 1)
    if len(data) > max_size:
        raise _too_large(path, max_size)
    return data


def read_piece(path: Path, start: int, count: int) -> bytes | None:
    """Return at most `count` bytes of a regular file from `start` on, None when it is absent; raises `ReadError`."""
    with _opened(path) as file:
        if file is None:
            return None
        file.seek(start)
        return file.read(count)


def file_digest(path: Path, *, max_size: int) -> tuple[str, int] | None:
    """Return SHA-256 hex and size of a regular file, None when it is absent; no more than a block of it is held.

    Raises as `read_file`.
    """
    with _opened(path) as file:
        if file is None:
            return None
        hasher, size = hashlib.sha256(), 0
        while block := file.read(_BLOCK):
            hasher.update(block)
            size += len(block)
            if size > max_size:
                raise _too_large(path, max_size)
    return hasher.hexdigest(), size


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise read_failure(path, error) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReadError(f"`{path}` is no regular file")
        try:
            yield file
        except OSError as error:
            raise read_failure(path, error) from error


def _too_large(path: Path, max_size: int) -> LimitError:
    return LimitError(f"`{path}` is over {max_size} bytes")


def write_text_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write one line of text, whole and durable."""
    replace_file(path, f"{text}\n".encode(), mode=mode)
    sync_folder(path.parent)


def make_folders(folders: Iterable[Path], *, mode: int = 0o755) -> None:
    """Make folders with their parents, each durable in its parent."""
    for folder in sorted(set(folders)):
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        for one in reversed(missing):
            try:
                one.mkdir(mode=mode, exist_ok=True)
            except OSError as error:
                raise read_failure(one, error) from error
            sync_folder(one.parent)


def is_locked(folder: Path) -> bool:
    """Tell whether a process holds a lock on a folder (`exclusive`); where that cannot be told, it may."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, which is made when absent."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise read_failure(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
