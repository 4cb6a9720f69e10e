"""The description of a dataset for YOLO, whose `download` Ultralytics runs when the data are missing.

Source: Ultralytics `check_det_dataset`: an address of a zip is fetched, `bash …` goes to a shell, and any
other text to `exec`.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.documents import JsonObject

__all__ = ["judge_yolo_data"]

_MARKS = frozenset({"nc", "names", "path", "test", "train", "val"})
_HARMLESS = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*://[^\s()'\"\[\]]+|[\w./~-]*)\s*", re.IGNORECASE)
"""an address or a plain name, which is no code that does anything"""
_SHOWN = 120


def judge_yolo_data(document: object) -> Iterator[Hit]:
    """Yield the commands and programs under `download`."""
    if not isinstance(document, JsonObject) or not document.keys & _MARKS:
        return
    for value in document.all("download"):
        if isinstance(value, str) and not _HARMLESS.fullmatch(value):
            shown = "".join(one if one.isprintable() else "\ufffd" for one in value[:_SHOWN])
            yield Hit("REP001", f"`download`: {shown}")
