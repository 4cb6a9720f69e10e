"""Where `huggingface_hub` keeps what it fetched, and which files there are blobs.

<cache>/models--OWNER--NAME/blobs/<etag>             what a repository's snapshots link to
<cache>/blobs/<first two>/<hash>                     what blobs link to, where repositories share them
"""

import os
from collections.abc import Mapping
from pathlib import Path

from weightmark.patterns import lazy_pattern

__all__ = ["SHARED_MARK", "blob_name", "hub_cache", "is_hub_offline", "is_shared_name", "is_stored"]

SHARED_MARK = ".huggingface-shared-blobs"
"""file by which the client knows the store that all repositories of a cache share"""

_SHARED = lazy_pattern(r"[0-9a-f]{64}\Z")
_SWITCHED_ON = frozenset(["1", "ON", "TRUE", "YES"])


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where `huggingface_hub` keeps its cache, by its own variables."""
    named = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return _expanded(named)
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return _expanded(environment.get("HF_HOME") or f"{cache}/huggingface") / "hub"


def is_hub_offline(environment: Mapping[str, str]) -> bool:
    """Tell whether the hub's client may not use the network, by its own variables."""
    said = environment.get("HF_HUB_OFFLINE") or environment.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in _SWITCHED_ON


def is_stored(file: Path, blobs: Path) -> bool:
    """Tell whether `file`, free of links, is a blob of the repository whose folder of blobs is `blobs`.

    It lies there itself, or since version 2 of the client in the store that all repositories of the cache share.
    """
    if file.parent == blobs:
        return True
    shared = blobs.parent.parent / "blobs"
    lies_there = is_shared_name(file.name) and file.parent == shared / file.name[:2]
    return lies_there and (shared / SHARED_MARK).is_file()


def is_shared_name(name: str) -> bool:
    """Tell whether a file may be a blob in the store that repositories share."""
    return _SHARED.match(name) is not None


def blob_name(link: Path) -> str:
    """Return the name of the blob that a snapshot links to, which is the tag the hub gave it; raises `OSError`.

    What that blob links to in turn is named by another hash.
    """
    return link.readlink().name


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()
