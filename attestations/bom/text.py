"""The text of a document: JSON that stays inert wherever it is pasted or shown."""

import io
import json
from itertools import islice
from typing import Any

__all__ = ["document_text"]

_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x7F: "\\u007f"}
_PIECES = 10_000


def document_text(document: dict[str, Any]) -> str:
    r"""Return indented JSON in ASCII, with a newline at its end.

    Everything that a terminal or a page could obey is escaped: what is not ASCII, so that no mark turns
    the reading direction, control characters, and `<`, `>`, `&`. A JSON parser gives the very texts back.
    """
    text = io.StringIO()
    pieces = json.JSONEncoder(indent=2, ensure_ascii=True).iterencode(document)
    while part := "".join(islice(pieces, _PIECES)):
        text.write(part.translate(_ESCAPES))
    text.write("\n")
    return text.getvalue()
