"""Links inside an artifact: which ones stand for content, which for storage, which are refused."""

import errno
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Self

from weightmark.provenance.hub_storage import is_stored
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES
from weightmark.values import dataclass

__all__ = ["LinkKind", "LinkResolver", "LinkTarget"]


class LinkKind(StrEnum):
    """How a name relates to its bytes."""

    NONE = "none"
    """the name is the file"""
    INSIDE = "inside"
    """a link to a file inside the root; it counts as the bytes of its target"""
    STORAGE = "storage"
    """a link from a hub cache's `snapshots/<revision>/` to its `blobs/`; storage, not a link"""


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """The regular file that a link leads to."""

    kind: LinkKind
    """which kind of link it is"""
    base: str
    """the folder beneath which the target is opened"""
    location: str
    """relative path beneath `base`, free of links"""
    status: os.stat_result
    """of the target"""


@dataclass(frozen=True, slots=True)
class LinkResolver:
    """Decides about the links of one tree."""

    root: Path
    """the artifact's root, free of links"""
    blobs: Path | None
    """the hub cache's blob folder, when the root lies in `<repo>/snapshots/<revision>`"""

    @classmethod
    def for_root(cls, root: Path) -> Self:
        """Look whether `root` lies in a hub cache's snapshot."""
        for folder in (root, *root.parents):
            snapshots = folder.parent
            if snapshots.name == "snapshots" and (snapshots.parent / "blobs").is_dir():
                return cls(root, snapshots.parent / "blobs")
        return cls(root, None)

    def resolve(self, path: str) -> LinkTarget | str:
        """Follow the link at the relative `path`; return its target, or in words why it is refused."""
        try:
            real = Path(os.path.realpath(self.root / path, strict=True))
            status = real.lstat()
        except OSError as error:
            return "is a loop of links" if error.errno == errno.ELOOP else "is a link to nothing"
        if stat.S_ISDIR(status.st_mode):
            return "is a link to a folder"
        if not stat.S_ISREG(status.st_mode):
            return "is a link to a FIFO, device or socket"
        if real.is_relative_to(self.root):
            return self._inside(real.relative_to(self.root), status)
        if self.blobs is not None and is_stored(real, self.blobs):
            return LinkTarget(LinkKind.STORAGE, str(real.parent), real.name, status)
        return "is a link that leaves the artifact"

    def _inside(self, location: Path, status: os.stat_result) -> LinkTarget | str:
        """Refuse links into what the identity leaves out: it would then depend on a sidecar."""
        if location.parts[0] in RESERVED_NAMES or any(
            location.is_relative_to(folder) for folder in OUTSIDE
        ):
            return "is a link to a file that lies outside of the identity"
        return LinkTarget(LinkKind.INSIDE, str(self.root), location.as_posix(), status)
