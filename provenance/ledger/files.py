"""The files of a ledger folder: bounded reads, durable folders, locks."""

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weightmark.errors import LimitError, ReadError, read_failure
from weightmark.provenance.atomic import replace_file, sync_folder

__all__ = ["is_locked", "locked", "make_folders", "read_file", "write_text_file"]


def read_file(path: Path, *, max_size: int) -> bytes | None:
    """Return the content of a regular file, None when it is absent.

    Raises `ReadError` for anything that is no regular file and `LimitError` over `max_size` bytes.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise read_failure(path, error) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ReadError(f"`{path}` is no regular file")
        try:
            data = file.read(max_size + 1)
        except OSError as error:
            raise read_failure(path, error) from error
    if len(data) > max_size:
        raise LimitError(f"`{path}` is over {max_size} bytes")
    return data


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
