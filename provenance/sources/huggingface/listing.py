"""What the hub says of a revision and of its files, parsed strictly."""

from typing import Any

from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.names import escape_path
from weightmark.provenance.sources.huggingface.address import COMMIT
from weightmark.provenance.sources.interface import Part
from weightmark.provenance.strict_json import parse_json, parse_object

__all__ = ["MAX_ANSWER", "read_commit", "read_files", "read_kept_files"]

_KEPT_FORM = 1
"""version of the form in which the hub's client keeps a list"""
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


def read_kept_files(data: bytes, where: str) -> list[Part]:
    """Return the files of a list as the hub's client keeps it; raises `MalformedError`, `UnsupportedError`."""
    what = f"the list of files at `{where}`"
    kept = parse_object(data, what=what, max_size=MAX_ANSWER)
    if kept.get("format_version") != _KEPT_FORM:
        raise UnsupportedError(
            f"{what} has a form that is not known", fix="update weightmark, or name the folder"
        )
    files = kept.get("files")
    if not isinstance(files, dict):
        raise MalformedError(f"{what} is no list")
    return [_part(_as_answered(path, one), what) for path, one in files.items()]


def _as_answered(path: str, kept: Any) -> dict[str, Any]:
    """Return an entry as the hub answered it, before its client wrote it down."""
    said = kept if isinstance(kept, dict) else {}
    named = {"path": path, "size": said.get("size"), "oid": said.get("blob_id")}
    if "xet_hash" in said:
        named["xetHash"] = said["xet_hash"]
    if "lfs_sha256" in said:
        named["lfs"] = {"oid": said["lfs_sha256"], "size": said.get("lfs_size")}
    return named


def _part(entry: dict[str, Any], what: str) -> Part:
    """Take size and digests; for what the hub stores as LFS object those of the content, not of its pointer.

    What the hub keeps in xet has the LFS digest as well: the hash of xet is one over chunks, which nothing here holds.
    """
    path, size, blob, lfs = (entry.get(name) for name in ("path", "size", "oid", "lfs"))
    digests = {"gitBlob": blob}
    if isinstance(lfs, dict):
        size, digests = lfs.get("size"), {"sha256": lfs.get("oid")}
    elif lfs is not None:
        raise MalformedError(f"{what} describes a file in a way that is not known")
    elif entry.get("xetHash") is not None:
        raise _xet_only(path, what)
    named = {name: value for name, value in digests.items() if isinstance(value, str)}
    if not isinstance(path, str) or type(size) is not int or len(named) != len(digests):
        raise MalformedError(f"{what} describes a file without path, size or digest")
    return Part(path, size, named, location=path)


def _xet_only(path: object, what: str) -> UnsupportedError:
    name = escape_path(path[:200]) if isinstance(path, str) else "a file"
    return UnsupportedError(
        f"`{name}` has no SHA-256 in {what}",
        why="it is kept by xet alone, whose hash is one over chunks and not of the file",
        fix="ask the publisher to upload it again as a large file (LFS)",
    )
