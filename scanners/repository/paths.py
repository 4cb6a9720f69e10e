"""Paths that a loader joins to the folder of the repository."""

import re
from posixpath import dirname, join, normpath

__all__ = ["base_name", "is_leftover", "leaves", "leaves_from"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def leaves(path: str) -> bool:
    """Tell whether a path, once joined, names something outside: `..`, absolute, drive or URL."""
    slashed = path.replace("\\", "/")
    rooted = slashed.startswith(("/", "~")) or bool(_SCHEME.match(slashed))
    return rooted or ".." in slashed.split("/") or "\0" in path


_OPEN_TO_ALL = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "proc", "run", "sbin", "sys", "tmp", "usr", "var"}
)
"""folders of the system, and those in which everybody may put a file"""


def is_leftover(path: str) -> bool:
    """Tell an absolute path as the publisher's own machine leaves it: below no folder of the system."""
    parts = path.replace("\\", "/").split("/")
    rooted = not parts[0] or re.fullmatch("[A-Za-z]:", parts[0]) is not None
    known = rooted and len(parts) > 1 and parts[1] not in {"", *_OPEN_TO_ALL}
    return known and ".." not in parts


def base_name(path: str) -> str:
    """Return the last part of a path, the way into containers (`a.zip!b/c`) left out."""
    return path.rpartition("!")[2].replace("\\", "/").rpartition("/")[2]


def leaves_from(path: str, named: str) -> bool:
    """Tell whether what the file at `path` names leaves the tree in which that file stands."""
    slashed = named.replace("\\", "/")
    below = "/".join(part for part in slashed.split("/") if part != "..")
    folder = dirname(path.rpartition("!")[2].replace("\\", "/"))
    return leaves(below) or normpath(join(folder, slashed)).startswith("..")
