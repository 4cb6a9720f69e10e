"""Who can write to the file of rules: it names commands that run with the rights of the caller."""

import os
import stat
from pathlib import Path

from weightmark.errors import CallError, SettingsError

__all__ = ["require_own"]

_OTHERS = 0o022
"""the right to write of the group and of all"""


def require_own(path: Path) -> None:
    """Refuse rules that somebody else wrote, or could, or could put in the place of others.

    Raises `CallError` for what is no file, `SettingsError` for what others can write to. A file that is
    missing is left to whoever reads it.
    """
    try:
        status, named = path.stat(), path.lstat()
        folders = {path.absolute().parent, Path(os.path.realpath(path)).parent}
        shared = sorted(one for one in folders if _is_shared(one.stat()))
    except OSError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise CallError(f"`{path}` is no regular file", fix="name a file of rules")
    if status.st_mode & _OTHERS or not {status.st_uid, named.st_uid} <= {os.geteuid(), 0}:
        raise _written_by_others(path, f"look through it, and run `chmod go-w {path}` as its owner")
    if shared:
        raise _written_by_others(
            path, f"look through it, and run `chmod go-w {shared[0]}`: others can replace it there"
        )


def _is_shared(folder: os.stat_result) -> bool:
    """Tell whether others can take away a file of a folder, and put another there."""
    return bool(folder.st_mode & _OTHERS) and not folder.st_mode & stat.S_ISVTX


def _written_by_others(path: Path, fix: str) -> SettingsError:
    return SettingsError(
        f"`{path}` can be written by others",
        why="it names commands that run with your rights",
        fix=fix,
    )
