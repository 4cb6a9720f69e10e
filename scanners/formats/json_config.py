"""JSON configurations: what their usual loaders would do with them."""

import re
from collections.abc import Iterator
from typing import Any, Final

from weightmark.errors import MalformedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.scanners.repository.configurations import (
    CONFIGURATION_NAMES,
    MARKERS,
    TELLING_KEYS,
    judge_configuration,
    templates_of,
)
from weightmark.scanners.repository.documents import JsonObject, decode_json, parse_document
from weightmark.scanners.repository.notebooks import piped_lines
from weightmark.scanners.repository.paths import base_name
from weightmark.scanners.repository.serialized_objects import serialized_objects
from weightmark.scanners.repository.skops_schemas import is_skops_schema, judge_skops_schema
from weightmark.scanners.repository.template_tokens import tokens_of
from weightmark.scanners.repository.templates import report_template, report_token
from weightmark.values import dataclass

__all__ = ["JsonConfigReader"]

_BLOCK = MEBIBYTE
_NOTEBOOK = frozenset({"cells", "nbformat"})
_OVERLAP = 64
_LARGE = 2 * MEBIBYTE
_SPACE = b" \t\r\n\xef\xbb\xbf\xff\xfe\0"
_TELLING = re.compile(
    TELLING_KEYS
    + rb"|\"py\\?/|\\u00[2-7]|__loader__|\"nbformat\"|\"types\""
    + rb"|\"params\"\s*:?\s*(?:[^\s\d:-]|\Z)"
)
_NAMED = ("MANIFEST.json", "config.json", "index.json", "keras.json")


@dataclass(frozen=True, slots=True)
class JsonConfigReader:
    """Reads a JSON object or list, and judges it if it is a configuration."""

    name: Final[str] = "json-config"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge every key; see `FormatReader.read`."""
        first = place.head.lstrip(_SPACE)[:1] or _first_letter(place.view, len(place.head))
        if first not in (b"{", b"["):
            return False
        path = f"{examination.path}!{place.member}" if place.member else examination.path
        if _is_skipped(place, base_name(path)):
            return False
        text = _text(place.view, examination.limits.document)
        try:
            document = parse_document(
                text, what="the JSON document", nesting=examination.limits.nesting
            )
        except MalformedError as error:
            if not base_name(path).endswith(".json") or not _TELLING.search(
                text.encode("utf-8", "replace")
            ):
                return False
            examination.problem(error.what, place)
            return True
        known = base_name(path) in CONFIGURATION_NAMES or not MARKERS.isdisjoint(
            _top_keys(document)
        )
        for hit in judge_configuration(document, path):
            if hit.rule == "REP008" and not known:
                continue
            examination.find(hit.rule, place, detail=hit.detail, severity=hit.severity)
            known = True
        known |= _judge_kind(document, place, examination)
        for pointer, template in templates_of(document):
            report_template(template, pointer, place, examination)
        known |= _look_into_objects(document, place, examination)
        for pointer, token in tokens_of(document):
            report_token(token, pointer, place, examination)
        return known


def _judge_kind(document: Any, place: Place, examination: Examination) -> bool:
    """Judge documents of a kind of their own; tell whether this is one."""
    if is_skops_schema(document):
        examination.also_read_as("skops", place)
        for hit in judge_skops_schema(document):
            examination.find(hit.rule, place, detail=hit.detail)
        return True
    if _top_keys(document) >= _NOTEBOOK:
        examination.find("NBK001", place)
        for line in piped_lines(document):
            examination.find("NBK002", place, detail=line)
        return True
    return False


def _look_into_objects(document: Any, place: Place, examination: Examination) -> bool:
    """Look into the pickles that stand in a document; tell whether there are any."""
    found = False
    try:
        for pointer, data in serialized_objects(document):
            found = True
            examination.look(place.inside(pointer, MemoryView(data)))
    except MalformedError as error:
        examination.problem(error.what, place)
        return True
    return found


def _text(view: ByteView, limit: int) -> str:
    if view.size > limit:
        raise over_limit("document", f"the JSON document is over {limit} bytes")
    return decode_json(view.read_at(0, view.size))


def _first_letter(view: ByteView, at: int) -> bytes:
    """Return the first byte after white space that fills the head; zeros alone are no white space."""
    if not any(view.read_at(0, at)):
        return b""
    while block := view.read_at(at, _BLOCK):
        if not any(block):
            return b""
        if found := block.lstrip(_SPACE)[:1]:
            return found
        at += len(block)
    return b""


def _is_skipped(place: Place, name: str) -> bool:
    """Tell whether a long document of no known name holds no key that matters."""
    if name in CONFIGURATION_NAMES or name.endswith(_NAMED):
        return False
    return place.view.size > _LARGE and b"\0" not in place.head and not _is_telling(place.view)


def _is_telling(view: ByteView) -> bool:
    """Tell whether a long document holds a key that matters, without parsing it."""
    return any(_TELLING.search(block) for block in _blocks(view))


def _blocks(view: ByteView) -> Iterator[bytes]:
    at = 0
    while block := view.read_at(at, _BLOCK + _OVERLAP):
        yield block
        at += _BLOCK


def _top_keys(document: Any) -> frozenset[str]:
    if isinstance(document, JsonObject):
        return document.keys
    if isinstance(document, list) and document and isinstance(document[0], JsonObject):
        return document[0].keys
    return frozenset()
