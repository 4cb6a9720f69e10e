"""Folders that are made for a copy; every step is relative to an open one, however long the path grows."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["NewFolders"]

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OWN = 0o700
_READ_ONLY = 0o555
Parts = tuple[str, ...]


class NewFolders:
    """Makes folders below one that only this user can enter; a context manager."""

    def __init__(self, root: Path) -> None:
        """Open the folder below which others are made; raises `OSError`."""
        self._root = os.open(root, _OPEN)
        self._made: set[Parts] = set()
        self._here: Parts = ()
        self._folder = os.dup(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._folder)
        os.close(self._root)

    def place(self, path: str) -> tuple[int, str]:
        """Make the folders on the way to a relative POSIX path.

        Return a descriptor of the last one, valid until the next call, and the name in it. Raises
        `OSError`.
        """
        *folders, name = path.split("/")
        if tuple(folders) != self._here:
            self._enter(tuple(folders))
        return self._folder, name

    def protect(self) -> None:
        """Let nobody write to the folders that were made; raises `OSError`."""
        for parts in sorted(self._made, key=len, reverse=True):
            self._enter(parts)
            os.fchmod(self._folder, _READ_ONLY)

    def _enter(self, parts: Parts) -> None:
        here = os.dup(self._root)
        try:
            for depth, part in enumerate(parts, 1):
                if parts[:depth] not in self._made:
                    os.mkdir(part, _OWN, dir_fd=here)
                    self._made.add(parts[:depth])
                inner = os.open(part, _OPEN, dir_fd=here)
                os.close(here)
                here = inner
        except BaseException:
            os.close(here)
            raise
        os.close(self._folder)
        self._folder, self._here = here, parts
