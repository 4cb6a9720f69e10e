"""Opening files beneath a folder without ever following a link."""

import os
from types import TracebackType
from typing import Self

__all__ = ["Beneath"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Beneath:
    """A folder that was opened once; everything below is opened relative to it, component by component.

    A path component that is a link makes the opening fail with `OSError`, so a link that is
    swapped in while the tree is read can't lead anywhere. Not safe for use by several threads.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Open the folder `root`; the path itself may lead through links, the caller named it."""
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._parents: tuple[str, ...] = ()
        self._folder_path = ""
        self._folder = self._root

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all descriptors."""
        self._leave_folder()
        os.close(self._root)

    def folder(self, parts: tuple[str, ...]) -> int:
        """Return a descriptor of the folder at `parts`, valid until the next call."""
        if parts != self._parents:
            self._leave_folder()
            self._folder = self._descend(parts)
            self._parents = parts
        return self._folder

    def _descend(self, parts: tuple[str, ...]) -> int:
        here = self._root
        for part in parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=here)
            finally:
                if here != self._root:
                    os.close(here)
            here = inner
        return here

    def file(self, path: str) -> int:
        """Return a new descriptor of the file at the relative `path`; the caller closes it."""
        folder, _, name = path.rpartition("/")
        if folder != self._folder_path or not folder:
            self.folder(tuple(folder.split("/")) if folder else ())
            self._folder_path = folder
        return os.open(name, _FILE, dir_fd=self._folder)

    def _leave_folder(self) -> None:
        if self._folder != self._root:
            os.close(self._folder)
        self._folder = self._root
        self._folder_path = ""
        self._parents = ()
