"""What the hub says of a revision and of its files, parsed strictly."""

from typing import Any

from weightmark.errors import MalformedError
from weightmark.provenance.sources.huggingface.address import COMMIT
from weightmark.provenance.sources.interface import Part
from weightmark.provenance.strict_json import parse_json, parse_object

__all__ = ["MAX_ANSWER", "read_commit", "read_files"]

MAX_ANSWER = 64 * 1024 * 1024
"""bytes of one answer"""


def read_commit(data: bytes, where: str) -> str:
    """Return the commit that an answer about a revision names; raises `MalformedError`."""
    commit = parse_object(data, what=f"the answer of `{where}`", max_size=MAX_ANSWER).get("sha")
    if not isinstance(commit, str) or not COMMIT.match(commit):
        raise MalformedError(f"`{where}` names no commit", fix="check that this is a hub")
    return commit


def read_files(data: bytes, where: str) -> list[Part]:
    """Return the files of one page of a tree listing; raises `MalformedError`."""
    what = f"the list of files at `{where}`"
    entries = parse_json(data, what=what, max_size=MAX_ANSWER)
    if not isinstance(entries, list):
        raise MalformedError(f"{what} is no list")
    return [_part(entry, what) for entry in entries if _is_file(entry, what)]


def _is_file(entry: Any, what: str) -> bool:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind not in ("file", "directory"):
        raise MalformedError(f"{what} holds something that is neither file nor folder")
    return bool(kind == "file")


def _part(entry: dict[str, Any], what: str) -> Part:
    """Take size and digests; for what the hub stores as LFS object those of the content, not of its pointer."""
    path, size, blob, lfs = (entry.get(name) for name in ("path", "size", "oid", "lfs"))
    digests = {"gitBlob": blob}
    if isinstance(lfs, dict):
        size, digests = lfs.get("size"), {"sha256": lfs.get("oid")}
    elif lfs is not None:
        raise MalformedError(f"{what} describes a file in a way that is not known")
    named = {name: value for name, value in digests.items() if isinstance(value, str)}
    if not isinstance(path, str) or type(size) is not int or len(named) != len(digests):
        raise MalformedError(f"{what} describes a file without path, size or digest")
    return Part(path, size, named, location=path)
