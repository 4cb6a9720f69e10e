"""Paths that a loader joins to the folder of the repository."""

import re

__all__ = ["base_name", "leaves"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def leaves(path: str) -> bool:
    """Tell whether a path, once joined, names something outside: `..`, absolute, drive or URL."""
    slashed = path.replace("\\", "/")
    rooted = slashed.startswith(("/", "~")) or bool(_SCHEME.match(slashed))
    return rooted or ".." in slashed.split("/") or "\0" in path


def base_name(path: str) -> str:
    """Return the last part of a path, the way into containers (`a.zip!b/c`) left out."""
    return path.rpartition("!")[2].replace("\\", "/").rpartition("/")[2]
