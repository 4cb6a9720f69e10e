"""How much of a claim a page takes up: a claim has no bounds but those of the log, and a page has."""

import json
from typing import Any

from weightmark.values import dataclass

__all__ = ["MAX_CLAIM", "Excerpt"]

MAX_CLAIM = 1024 * 1024
"""bytes of a claim of which a page shows what it says; what a larger one says stands in the claim itself"""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a JSON value, as people read it."""

    text: str
    """at most as many characters as were asked for"""
    cut: bool
    """whether there is more"""

    @classmethod
    def of(cls, value: Any, most: int) -> "Excerpt":
        """Write up to `most` characters of a value: what is not shown is not written either."""
        parts: list[str] = []
        size = 0
        for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
            parts.append(part[: most - size + 1])
            size += len(parts[-1])
            if size > most:
                break
        return cls("".join(parts)[:most], size > most)
