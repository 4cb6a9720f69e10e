"""The blocks of the pages that a reader copies."""

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["recipes"]

_ROOT = Path(__file__).parents[2]


def recipes(page: str, language: str, marker: str) -> list[str]:
    """Return the blocks of a language in which a line begins with `marker`, in order."""
    text = (_ROOT / page).read_text()
    return [block for block in _blocks(text, language) if re.search(rf"(?m)^{marker}", block)]


def _blocks(text: str, language: str) -> Iterator[str]:
    for found in re.finditer(rf"(?ms)^```{language}\n(.*?)^```$", text):
        yield found[1]
