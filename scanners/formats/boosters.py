"""Boosted trees in the formats of their libraries: numbers and names, no code.

Source: XGBoost "Introduction to Model IO", LightGBM's text format, CatBoost's `CBM1`.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.boosted_trees import (
    catboost_faults,
    lightgbm_faults,
    xgboost_faults,
)
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.trailing import report_program_behind
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.documents import parse_document
from weightmark.scanners.wire.flatbuffers import root_table
from weightmark.scanners.wire.ubjson import end_of_value, value_at
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["CatboostReader", "LightgbmReader", "XgboostReader"]

_UBJSON = re.compile(rb"\{(?:[iU].|I..|l.{4}|L.{8})(?:learner|version|Config|Model)", re.DOTALL)
_JSON_MODEL = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:learner|version)"\s*:\s*[{\[]')
_JSON_START = re.compile(rb"\s*\{")
_LIGHTGBM = re.compile(rb"tree\r?\nversion=v\d")
_LIGHTGBM_END = b"end of trees"
_LIGHTGBM_COUNT = re.compile(
    rb"^(num_leaves|num_cat|num_class|num_tree_per_iteration|max_feature_idx|tree_sizes)"
    rb"=(\d[\d ]*)",
    re.MULTILINE,
)
_LONGEST_NUMBER = 20
_OVERLAP = 4096
_CATBOOST = b"CBM1"
_TAIL = 1 << 20
_PARTS = 1 << 16


@dataclass(frozen=True, slots=True)
class _JsonModel:
    """How a model in JSON is told, and how its trees are judged."""

    what: str
    start: re.Pattern[bytes]
    keys: tuple[bytes, ...]
    faults: Callable[[Any], Iterator[str]]


def _no_faults(_: object) -> Iterator[str]:
    return iter(())


_XGBOOST_JSON = _JsonModel("the XGBoost model", _JSON_MODEL, (b'"learner"',), xgboost_faults)
_CATBOOST_JSON = _JsonModel(
    "the CatBoost model", _JSON_START, (b'"features_info"', b'trees"'), _no_faults
)


@dataclass(frozen=True, slots=True)
class XgboostReader:
    """Reads XGBoost's UBJSON to its end, and recognises its JSON."""

    name: Final[str] = "xgboost"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the document is whole; see `FormatReader.read`."""
        if not _UBJSON.match(place.head):
            return _read_json(_XGBOOST_JSON, place, examination)
        view = resident(place.view, examination.limits)
        try:
            end = end_of_value(Window(view), examination.budget, 0)
            document, _ = value_at(Window(view), examination.budget, 0)
            for fault in xgboost_faults(document):
                examination.find("BST002", place, detail=fault)
        except MalformedError as error:
            examination.problem(error.what, place)
            return True
        if end < view.size:
            detail = f"{view.size - end} bytes"
            examination.find("PKL013", place, offset=end, detail=detail)
            report_program_behind(place, end, examination)
        return True


def _read_json(kind: "_JsonModel", place: Place, examination: Examination) -> bool:
    """Check that a model as JSON is whole; the reader of configurations has judged its keys."""
    if not kind.start.match(place.head):
        return False
    most = min(place.view.size, _PARTS)
    ends = place.view.read_at(0, most) + place.view.read_at(place.view.size - most, most)
    if not all(key in ends for key in kind.keys):
        return False
    limit = examination.limits.document
    if place.view.size > limit:
        raise over_limit("document", f"{kind.what} is over {limit} bytes of JSON")
    text = place.view.read_at(0, place.view.size).decode("utf-8", "replace")
    try:
        document = parse_document(text, what=kind.what, nesting=examination.limits.nesting)
        for fault in kind.faults(document):
            examination.find("BST002", place, detail=fault)
    except MalformedError as error:
        examination.problem(error.what, place)
    return True


@dataclass(frozen=True, slots=True)
class LightgbmReader:
    """Reads LightGBM's text, in which nothing is run, for counts that its loader believes."""

    name: Final[str] = "lightgbm"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the trees are whole and the counts possible; see `FormatReader.read`."""
        if not _LIGHTGBM.match(place.head):
            return False
        size, is_whole = place.view.size, False
        if size > examination.limits.document:
            limit = examination.limits.document
            raise over_limit("document", f"the LightGBM text is over {limit} bytes")
        for fault in lightgbm_faults(place.view.read_at(0, size)):
            examination.find("BST002", place, detail=fault)
        for block in _blocks(place):
            is_whole |= _LIGHTGBM_END in block
            for found in _LIGHTGBM_COUNT.finditer(block):
                numbers = [int(number[:_LONGEST_NUMBER]) for number in found[2].split()]
                if sum(numbers) > size:
                    detail = f"{found[1].decode()}={found[2][:40].decode()}"
                    examination.find("BST001", place, detail=detail)
        if not is_whole:
            examination.problem("the LightGBM text is cut off", place)
        return True


def _blocks(place: Place) -> Iterator[bytes]:
    """Yield the text in blocks that share what a line may lose between them."""
    at = 0
    while block := place.view.read_at(at, _TAIL + _OVERLAP):
        yield block
        at += _TAIL


@dataclass(frozen=True, slots=True)
class CatboostReader:
    """Reads the frame of CatBoost's binary format, and recognises its JSON."""

    name: Final[str] = "catboost"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the core is whole; see `FormatReader.read`."""
        if not place.head.startswith(_CATBOOST):
            return _read_json(_CATBOOST_JSON, place, examination)
        window = Window(resident(place.view, examination.limits))
        try:
            size = window.number(len(_CATBOOST), 4)
            window.take(8 + size, 0)
            for fault in catboost_faults(root_table(window, examination.budget, 8)):
                examination.find("BST002", place, detail=fault)
            report_program_behind(place, 8 + size, examination)
        except MalformedError as error:
            examination.problem(error.what, place)
        return True
