"""Reading the small documents that tell what a folder is; whatever is wrong with one, it tells nothing."""

from pathlib import Path
from typing import Any

from weightmark.errors import WeightmarkError
from weightmark.provenance.sidecars import read_bounded
from weightmark.provenance.strict_json import parse_object

__all__ = ["read_object", "read_small"]

_LARGEST_OBJECT = 1024 * 1024


def read_small(path: Path, limit: int) -> bytes | None:
    """Return a regular file of at most `limit` bytes, without following a link; None for anything else."""
    try:
        return read_bounded(path, follow=False, limit=limit)
    except WeightmarkError:
        return None


def read_object(path: Path) -> dict[str, Any]:
    """Return a JSON object; empty for anything else."""
    data = read_small(path, _LARGEST_OBJECT)
    if data is None:
        return {}
    try:
        return parse_object(data, what=path.name, max_size=_LARGEST_OBJECT)
    except WeightmarkError:
        return {}
