"""The cache of the hub's own client, laid out as it lays it out; `test_hub_cache` compares the two."""

import hashlib
import json
import os
from pathlib import Path

from tests.sim.hub import Lfs, Repository, git_blob

__all__ = ["lay_out", "share"]


def lay_out(repository: Repository, cache: Path, *, ref: str = "main") -> Path:
    """Put one revision into a cache; return the folder of its snapshot."""
    root = cache / "--".join((repository.folder, *repository.name.split("/")))
    commit = repository.refs[ref]
    listed = {}
    for path, content in sorted(repository.commits[commit].items()):
        data, tag = (
            (content.data, content.sha256)
            if isinstance(content, Lfs)
            else (content, git_blob(content))
        )
        _put(root / "blobs" / tag, data)
        link = root / "snapshots" / commit / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(root / "blobs" / tag, link.parent))
        listed[path] = _entry(content)
    _put(root / "refs" / ref, commit.encode())
    form = {"format_version": 1, "files": listed}
    _put(root / "trees" / f"{commit}.json", json.dumps(form, indent=1).encode())
    return root / "snapshots" / commit


def share(cache: Path, blob: Path) -> Path:
    """Move a blob into the store that all repositories of a cache share, as the client does with what xet fetched."""
    name = hashlib.sha256(b"not the hash of the content" + blob.read_bytes()).hexdigest()
    _put(cache / "blobs" / ".huggingface-shared-blobs", b"1\n")
    stored = cache / "blobs" / name[:2] / name
    stored.parent.mkdir(exist_ok=True)
    blob.rename(stored)
    blob.symlink_to(os.path.relpath(stored, blob.parent))
    return stored


def _entry(content: bytes | Lfs) -> dict[str, object]:
    if not isinstance(content, Lfs):
        return {"size": len(content), "blob_id": git_blob(content)}
    entry = {"size": len(content.data), "blob_id": git_blob(content.pointer)}
    entry |= {"lfs_sha256": content.sha256, "lfs_size": len(content.data)}
    return entry | ({"xet_hash": content.xet} if content.xet else {})


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
