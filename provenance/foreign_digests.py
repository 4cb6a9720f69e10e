"""Digests by which other tools name an artifact: the OMS root and in-toto's dirHash.

They are annotations: neither links anything by itself (the OMS root does not bind names).
"""

import hashlib
from collections.abc import Iterable

from weightmark.provenance.names import sort_key
from weightmark.provenance.sidecars import UNSIGNED_BY_OMS

__all__ = ["dir_hash", "in_oms_set", "oms_order", "oms_root", "sharded_digest"]

_LINES_AT_ONCE = 4096
_UNSIGNED = tuple(UNSIGNED_BY_OMS)


def in_oms_set(path: str) -> bool:
    """Tell whether OMS signs the file at `path` (OMS v1.0 leaves root git files out)."""
    return not path.startswith(_UNSIGNED) or path.partition("/")[0] not in UNSIGNED_BY_OMS


def oms_order(path: str) -> str:
    """Return the key by which OMS v1.0 §5.2.1 orders resources: the code points of the name."""
    return path


def oms_root(digests: Iterable[str]) -> str:
    """Return the OMS root, lowercase hex: SHA-256 over the concatenated raw digests in document order."""
    return hashlib.sha256(bytes.fromhex("".join(digests))).hexdigest()


def sharded_digest(size: int, digests: Iterable[str]) -> str:
    """Return what stands for a file cut into shards: its size in bytes and the digests one after the other."""
    return f"{size} {''.join(digests)}"


def dir_hash(files: Iterable[tuple[str, str]]) -> str | None:
    """Return in-toto's dirHash of (path, SHA-256 hex) pairs, lowercase hex.

    SHA-256 over the sorted lines ``<hex>  <path>\\n`` (Go's `Hash1`). None when a path holds a
    line feed, which this format can't express.
    """
    ordered = sorted(files, key=lambda file: sort_key(file[0]))
    found = hashlib.sha256()
    for start in range(0, len(ordered), _LINES_AT_ONCE):
        some = ordered[start : start + _LINES_AT_ONCE]
        lines = "".join([f"{digest}  {path}\n" for path, digest in some])
        if lines.count("\n") != len(some):
            return None
        found.update(lines.encode())
    return found.hexdigest()
