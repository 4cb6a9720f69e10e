"""Jupyter notebooks: lines that hand what they fetch or decode to a shell."""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.documents import JsonObject

__all__ = ["piped_lines"]

_PIPED = re.compile(
    r"\|&?\s*(?:sudo\s+(?:-\S{1,40}\s+){0,9})?(?:env\s+)?(?:/\S{0,200}/)?(?:ba|da|k|z)?sh\b(?!\.)|\b(?:ba|z)?sh\s+<\(\s*\w"
)
_SHELL = re.compile(
    r"\s*(?:\w[\w, ]*=\s*)?[!%]|.*\b(?:system|popen|Popen|getoutput|check_\w+|run|call)\("
)
_SHOWN = 120


def piped_lines(document: object) -> Iterator[str]:
    """Yield each line of a code cell that pipes something into a shell, shortened."""
    cells = document.all("cells") if isinstance(document, JsonObject) else ()
    for cell in (cell for part in cells if isinstance(part, list) for cell in part):
        if not isinstance(cell, JsonObject) or "code" not in cell.all("cell_type"):
            continue
        source = _source(cell).replace("\\\n", " ")
        whole = source.lstrip().startswith("%%")
        for line in source.splitlines():
            if line.lstrip().startswith("#") or not (whole or _SHELL.match(line)):
                continue
            if _PIPED.search(line):
                yield "".join(one if one.isprintable() else "\ufffd" for one in line[:_SHOWN])


def _source(cell: JsonObject) -> str:
    """Return the text of a cell, which notebooks keep as one text or as a list of lines."""
    parts = [part for value in cell.all("source") for part in _listed(value)]
    return "".join(part for part in parts if isinstance(part, str))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
