"""What TensorFlow's operators reach, by exact name; the list was read from the library's registry."""

from enum import Enum
from functools import cache

__all__ = ["Reach", "reach"]


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


@cache
def _table() -> dict[str, Reach]:
    import json
    from importlib.resources import files

    document = json.loads((files(__package__) / "tensorflow.json").read_text("utf-8"))
    groups = (Reach.PLAIN, Reach.PATHS, Reach.FILES, Reach.CODE)
    return {name: group for group in groups for name in document[group.value]}
