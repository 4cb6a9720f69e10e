"""ONNX models as text, which `onnx.load` takes by their names: protobuf text, JSON, ONNX's own syntax.

Source: ONNX `onnx/serialization.py` and `docs/Syntax.md`.
"""

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.onnx import report_operator
from weightmark.scanners.limits import MEBIBYTE, over_limit
from weightmark.scanners.repository.documents import JsonObject, parse_document, walk
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf_text import TextMessage, parse_text
from weightmark.values import dataclass

__all__ = ["OnnxTextReader"]

_BLOCK = MEBIBYTE
_OVERLAP = 64
_JSON = tuple(map(re.compile, (rb"external_?[dD]ata", rb"\"op_?[tT]ype", rb"\\u00")))
"""keys of a model; each is searched by itself, since that is faster than all at once"""
_SPACE = r"(?:\s|#[^\n]*\n)*"
_TEXT = re.compile(
    _SPACE + r"(?:ir_version|opset_import|producer_name|producer_version|model_version|graph"
    r"|metadata_props|functions|training_info|doc_string|domain)\s*[:{<]"
)
_SYNTAX = re.compile(
    _SPACE + r"<" + _SPACE + r"(?:ir_version|opset_import|producer_name|domain)\s*:"
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LOCATION = re.compile(r'"location"\s*:\s*"((?:[^"\\]|\\.)*)"')
_CALL = re.compile(r"=\s*((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)\s*(?::\s*\w+\s*)?[<(]")
_FUNCTION_DOMAIN = re.compile(r'[<,]\s*domain\s*:\s*"([^"]*)"')
_SEARCHED = 1 << 16
_SHOWN = 120


@dataclass(slots=True)
class _Found:
    """What the model names, in whatever form it is written."""

    operators: list[tuple[str, str]] = field(default_factory=list)
    """domain and operator"""
    functions: set[tuple[str, str]] = field(default_factory=set)
    """domain and name of the model's own functions"""
    domains: set[str] = field(default_factory=set)
    """domains of its own functions, where their names are not told apart"""
    locations: list[str] = field(default_factory=list)
    """paths of external data"""


@dataclass(frozen=True, slots=True)
class OnnxTextReader:
    """Judges the operators and paths of a model that is written as text."""

    name: Final[str] = "onnx-text"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge operators and paths; see `FormatReader.read`."""
        kind = _kind(place)
        if not kind:
            return False
        limit = examination.limits.document
        if place.view.size > limit:
            raise over_limit("document", f"the ONNX text is over {limit} bytes")
        text = place.view.read_at(0, place.view.size).decode("utf-8-sig", "replace")
        found: _Found | None = None
        with malformed_as("ONX005", place, examination):
            if kind == "json":
                found = _of_json(text, examination.limits.nesting)
            elif kind == "syntax":
                found = _of_syntax(text)
            else:
                found = _of_text(parse_text(text, examination.budget))
        if found is None:
            return kind != "json"
        _report(found, place, examination)
        return True


def _kind(place: Place) -> str:
    """Return `json`, `syntax` or `text` for what may be a model, or an empty text."""
    if b"\0" in place.head or not place.head:
        return ""
    if place.head.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return "json" if _has_telling_key(place) else ""
    start = place.view.read_at(0, _SEARCHED).decode("utf-8-sig", "replace")
    if _SYNTAX.match(start):
        return "syntax"
    return "text" if _TEXT.match(start) else ""


def _has_telling_key(place: Place) -> bool:
    at = 0
    while block := place.view.read_at(at, _BLOCK + _OVERLAP):
        if any(key.search(block) for key in _JSON):
            return True
        at += _BLOCK
    return False


def _of_json(text: str, nesting: int) -> _Found | None:
    """Read JSON with either spelling of keys; None for a document that is no model."""
    try:
        document = parse_document(text, what="the ONNX model", nesting=nesting)
    except MalformedError:
        return None
    if not isinstance(document, JsonObject) or not document.all("graph"):
        return None
    found = _Found()
    owners = {id(one.owner): one.owner for one in walk(document)}
    for owner in owners.values():
        for operator in (*owner.all("op_type"), *owner.all("opType")):
            found.operators += [(str(domain), str(operator)) for domain in _domains(owner)]
        if "location" in owner.all("key"):
            found.locations += map(str, owner.all("value"))
    for functions in document.all("functions"):
        for one in functions if isinstance(functions, list) else []:
            if isinstance(one, JsonObject):
                found.functions |= {(d, str(n)) for n in one.all("name") for d in _domains(one)}
    return found


def _domains(owner: JsonObject) -> tuple[Any, ...]:
    return owner.all("domain") or ("",)


def _of_text(document: TextMessage) -> _Found | None:
    found = _Found()
    for name, message in _messages(document):
        if operator := message.text("op_type"):
            found.operators.append((message.text("domain"), operator))
        if name == "external_data" and message.text("key") == "location":
            found.locations.append(message.text("value"))
        elif name == "functions":
            found.functions.add((message.text("domain"), message.text("name")))
    return found


def _messages(document: TextMessage) -> Iterator[tuple[str, TextMessage]]:
    stack = [("", document)]
    while stack:
        name, message = stack.pop()
        yield name, message
        stack += message.below


def _of_syntax(text: str) -> _Found:
    found = _Found()
    found.locations = [re.sub(r"\\(.)", r"\1", one[1]) for one in _LOCATION.finditer(text)]
    found.domains = {one[1] for one in _FUNCTION_DOMAIN.finditer(text)}
    for call in _CALL.finditer(_STRING.sub('""', text)):
        found.operators.append((call[1].rstrip("."), call[2]))
    return found


def _report(found: _Found, place: Place, examination: Examination) -> None:
    for domain, operator in found.operators:
        own = (domain, operator) in found.functions or domain in found.domains - {""}
        if not own:
            report_operator(domain, operator, None, place, examination)
    for location in found.locations:
        if leaves(location):
            examination.find("ONX001", place, detail=location[:_SHOWN])
