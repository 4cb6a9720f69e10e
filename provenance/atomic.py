"""Atomic writes: a file is either the old one or the new one, never half of either."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from weightmark.errors import read_failure

__all__ = ["create_private_file", "replace_files"]


def replace_files(contents: Mapping[Path, bytes], *, mode: int = 0o644) -> None:
    """Write all files: first each to a temporary name beside it, then rename one after the other.

    Nothing is renamed before all are durable, so a full disk leaves the old files. Raises `ReadError`.
    """
    staged: dict[Path, Path] = {}
    path = Path()
    try:
        for path, content in contents.items():
            staged[path] = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}.tmp")
            _write_durably(staged[path], content, mode)
        for path, temporary in list(staged.items()):
            temporary.replace(path)
            del staged[path]
        for folder in {path.parent for path in contents}:
            _sync_folder(folder)
    except OSError as error:
        raise read_failure(path, error) from error
    finally:
        for temporary in staged.values():
            with contextlib.suppress(OSError):
                temporary.unlink()


def create_private_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Create a file that did not exist, readable by its owner only unless `mode` says otherwise.

    Raises `FileExistsError` when anything stands there already, `ReadError` when writing fails.
    """
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}.tmp")
    try:
        _write_durably(temporary, content, mode)
        os.link(temporary, path)
        _sync_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise read_failure(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _write_durably(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode
    )
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
