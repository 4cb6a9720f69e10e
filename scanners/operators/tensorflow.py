"""What TensorFlow's operators reach, by exact name; the list was read from the library's registry."""

from enum import Enum
from functools import cache

__all__ = ["Reach", "data_digest", "reach"]


class Reach(Enum):
    """What running an operator touches."""

    PLAIN = "plain"
    """tensors and the state of the graph"""
    PATHS = "paths"
    """files whose names are arguments, as savers and tables have them"""
    FILES = "files"
    """files, the network or the process"""
    CODE = "code"
    """Python functions, native functions, or a graph that stands in a tensor"""
    UNKNOWN = "unknown"
    """on no list: only a library of custom operators can provide it"""


def reach(operator: str) -> Reach:
    """Return what an operator touches; operators of one process by their public name."""
    table = _table()
    found = table.get(operator)
    if found is None:
        found = table.get(operator.rpartition(">")[2], Reach.UNKNOWN)
        return found if found in (Reach.FILES, Reach.CODE) else Reach.UNKNOWN
    return found


def data_digest() -> str:
    """Return the SHA-256 of the list, in hex."""
    import hashlib

    return hashlib.sha256(_read()).hexdigest()


def _read() -> bytes:
    from importlib.resources import files

    return (files("weightmark.scanners.operators") / "tensorflow.json").read_bytes()


@cache
def _table() -> dict[str, Reach]:
    import json

    document = json.loads(_read())
    groups = (Reach.PLAIN, Reach.PATHS, Reach.FILES, Reach.CODE)
    return {name: group for group in groups for name in document[group.value]}
