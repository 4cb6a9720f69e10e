"""Boosted trees in the formats of their libraries: numbers and names, no code.

Source: XGBoost "Introduction to Model IO", LightGBM's text format, CatBoost's `CBM1`.
"""

import re
from typing import Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.documents import parse_document
from weightmark.scanners.wire.flatbuffers import root_table
from weightmark.scanners.wire.ubjson import end_of_value
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["CatboostReader", "LightgbmReader", "XgboostReader"]

_UBJSON = re.compile(rb"\{(?:[iU].|I..|l.{4}|L.{8})(?:learner|version|Config|Model)", re.DOTALL)
_JSON_MODEL = re.compile(rb'\s*\{\s*"(?:learner|version)"\s*:\s*[{\[]')
_LIGHTGBM = re.compile(rb"tree\r?\nversion=v\d")
_LIGHTGBM_END = b"end of trees"
_CATBOOST = b"CBM1"
_TAIL = 1 << 20
_PARTS = 1 << 16


@dataclass(frozen=True, slots=True)
class XgboostReader:
    """Reads XGBoost's UBJSON to its end, and recognises its JSON."""

    name: Final[str] = "xgboost"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the document is whole; see `FormatReader.read`."""
        if not _UBJSON.match(place.head):
            return _read_json(place, examination)
        view = resident(place.view, examination.limits)
        try:
            end = end_of_value(Window(view), examination.budget, 0)
        except MalformedError as error:
            examination.problem(error.what, place)
            return True
        if end < view.size:
            detail = f"{view.size - end} bytes"
            examination.find("PKL013", place, offset=end, detail=detail)
        return True


def _read_json(place: Place, examination: Examination) -> bool:
    """Check that a model as JSON is whole; the reader of configurations has judged its keys."""
    if not _JSON_MODEL.match(place.head):
        return False
    most = min(place.view.size, _PARTS)
    ends = place.view.read_at(0, most) + place.view.read_at(place.view.size - most, most)
    if b'"learner"' not in ends:
        return False
    limit = examination.limits.document
    if place.view.size > limit:
        raise over_limit("document", f"the XGBoost model is over {limit} bytes of JSON")
    text = place.view.read_at(0, place.view.size).decode("utf-8", "replace")
    try:
        parse_document(text, what="the XGBoost model")
    except MalformedError as error:
        examination.problem(error.what, place)
    return True


@dataclass(frozen=True, slots=True)
class LightgbmReader:
    """Recognises LightGBM's text, in which nothing is run."""

    name: Final[str] = "lightgbm"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the trees are whole; see `FormatReader.read`."""
        if not _LIGHTGBM.match(place.head):
            return False
        at = 0
        while block := place.view.read_at(at, _TAIL):
            if _LIGHTGBM_END in block:
                return True
            at += max(1, len(block) - len(_LIGHTGBM_END)) if len(block) == _TAIL else len(block)
        examination.problem("the LightGBM text is cut off", place)
        return True


@dataclass(frozen=True, slots=True)
class CatboostReader:
    """Reads the frame of CatBoost's binary format."""

    name: Final[str] = "catboost"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the core is whole; see `FormatReader.read`."""
        if not place.head.startswith(_CATBOOST):
            return False
        window = Window(resident(place.view, examination.limits))
        try:
            size = window.number(len(_CATBOOST), 4)
            window.take(8 + size, 0)
            root_table(window, examination.budget, 8)
        except MalformedError as error:
            examination.problem(error.what, place)
        return True
