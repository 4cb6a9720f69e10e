"""The YAML at the top of a dataset's `README.md`: which files `load_dataset` reads."""

import re
from collections.abc import Iterator
from typing import Any

from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.documents import JsonObject, walk
from weightmark.scanners.repository.paths import leaves

__all__ = ["CARD_NAME", "card_header", "judge_dataset_card"]

CARD_NAME = "README.md"
"""the name by which the library finds it"""
_HEADER = re.compile(rb"\A---[ \t]*\r?\n(.*?\r?\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_SHOWN = 120


def card_header(data: bytes) -> bytes:
    """Return the YAML of a card if it names files, else nothing."""
    found = _HEADER.match(data)
    return found[1] if found and b"data_files" in found[1] else b""


def judge_dataset_card(document: Any) -> Iterator[Hit]:
    """Yield the data files that lie outside of the repository."""
    for field in walk(document):
        if field.key != "data_files" or not field.pointer.startswith("configs"):
            continue
        for path in _paths(field.value):
            if leaves(path):
                yield Hit("REP004", f"`{field.pointer}`: {path}"[:_SHOWN])


def _paths(value: Any) -> Iterator[str]:
    """Yield the paths of one entry: a text, a list, or tables with `path`."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            yield item
        elif isinstance(item, JsonObject):
            for path in item.all("path"):
                yield from (
                    one
                    for one in (path if isinstance(path, list) else [path])
                    if isinstance(one, str)
                )
