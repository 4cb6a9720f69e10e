"""Placing: what was let through gets its name in one step, and what stood there before is whole or gone."""

import errno
import os
from pathlib import Path

from weightmark.attestations.pulling.history import History
from weightmark.attestations.pulling.quarantine import Quarantine
from weightmark.errors import CallError, UncheckedError, read_failure
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.atomic import sync_folder
from weightmark.provenance.identification import identify

__all__ = ["place", "require_free"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""flag of Linux's renameat2(2)"""
_NOT_THERE = frozenset([errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])


def require_free(to: Path, history: History | None) -> None:
    """Refuse a destination that may not be replaced; `history` says what earlier pulls placed, None forbids to replace.

    Raises `CallError`.
    """
    if not os.path.lexists(to) or _is_empty(to):
        return
    if history is None:
        raise CallError(
            f"`{to}` exists and is not empty",
            fix="name another place, or say `--replace` if an earlier pull placed it",
        )
    _require_ours(to, history)


def place(quarantine: Quarantine, to: Path, history: History | None) -> None:
    """Give the tree its name; raises `CallError` when something stands there by now, `ReadError`."""
    require_free(to, history)
    try:
        _sync_tree(quarantine.tree)
        quarantine.forget_plan()
        if quarantine.root.parent == to:
            _move_into(quarantine, to)
        elif os.path.lexists(to) and not _is_empty(to):
            _exchange(quarantine, to)
        else:
            quarantine.tree.rename(to)
        sync_folder(to.parent)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise CallError(
                f"something appeared at `{to}` meanwhile", fix="look what it is, then pull again"
            ) from error
        raise read_failure(to, error) from error


def _require_ours(to: Path, history: History) -> None:
    """Refuse to replace what no pull placed, or what changed since: it may be somebody's work."""
    identity = history.placed_at(to)
    if not identity:
        raise CallError(
            f"`{to}` was not placed by `weightmark pull`",
            why="only what a pull placed may be replaced",
            fix="move it away yourself, or name another place",
        )
    artifact = open_artifact(to)
    if artifact.problems or artifact.outside or identify(to).identity != identity:
        raise CallError(
            f"`{to}` changed since it was placed",
            why="what was added there would be lost",
            fix="move it away yourself, or name another place",
        )


def _is_empty(path: Path) -> bool:
    """Tell whether it is a folder that holds nothing, or nothing but a quarantine of ours."""
    try:
        names = os.listdir(path)  # noqa: PTH208 - names are what is asked for
    except OSError:
        return False
    return all(name == f".{path.name}.weightmark-pull" for name in names)


def _exchange(quarantine: Quarantine, to: Path) -> None:
    """Swap the new tree and the old one in one step; where the system can't, in two."""
    if not _exchanged(quarantine.tree, to):
        to.rename(quarantine.replaced)
        try:
            quarantine.tree.rename(to)
        except BaseException:
            quarantine.replaced.rename(to)
            raise


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names by renameat2(2); tell whether the system could."""
    import ctypes

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_THERE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _move_into(quarantine: Quarantine, to: Path) -> None:
    """Fill a mount point, which nothing can be renamed over, name by name; the next pull undoes half of it."""
    names = sorted(os.listdir(quarantine.tree))  # noqa: PTH208 - names are what is asked for
    for name in names:
        if os.path.lexists(to / name):
            raise UncheckedError(
                f"`{to / name}` appeared meanwhile", fix="empty it, and pull again"
            )
    quarantine.note_moving(names)
    for name in names:
        (quarantine.tree / name).rename(to / name)
    sync_folder(to)
    quarantine.forget_moving()


def _sync_tree(tree: Path) -> None:
    """Make the names in every folder durable; the files are already."""
    for folder, _, _ in os.walk(tree):
        sync_folder(Path(folder))
