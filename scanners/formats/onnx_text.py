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
from weightmark.scanners.formats.onnx_syntax import (
    called_operators,
    locations,
    own_functions,
    syntax_tokens,
)
from weightmark.scanners.limits import MEBIBYTE, Budget, over_limit
from weightmark.scanners.repository.documents import JsonObject, parse_document, walk
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf_text import TextMessage, parse_text
from weightmark.scanners.wire.text_opening import skip_blank
from weightmark.values import dataclass

__all__ = ["OnnxTextReader"]

_BLOCK = MEBIBYTE
_OVERLAP = 64
_JSON = tuple(map(re.compile, (rb"external_?[dD]ata", rb"\"op_?[tT]ype", rb"\\u00")))
"""keys of a model; each is searched by itself, since that is faster than all at once"""
_KEY = re.compile(rb"[A-Za-z_]\w*")
_TEXT_KEYS = frozenset(
    [
        b"configuration",
        b"doc_string",
        b"domain",
        b"functions",
        b"graph",
        b"ir_version",
        b"metadata_props",
        b"model_version",
        b"opset_import",
        b"producer_name",
        b"producer_version",
        b"training_info",
    ]
)
"""fields of `ModelProto`"""
_SYNTAX_NAMES = (".onnxtxt", ".onnxtext")
_TEXT_NAMES = (".textproto", ".pbtxt", ".prototxt", ".txtpb", ".textpb")
_LONGEST_KEY = 64
_SHOWN = 120


@dataclass(slots=True)
class _Found:
    """What the model names, in whatever form it is written."""

    operators: list[tuple[str, str]] = field(default_factory=list)
    """domain and operator"""
    functions: set[tuple[str, str]] = field(default_factory=set)
    """domain and name of the model's own functions"""
    locations: list[str] = field(default_factory=list)
    """paths of external data"""


@dataclass(frozen=True, slots=True)
class OnnxTextReader:
    """Judges the operators and paths of a model that is written as text."""

    name: Final[str] = "onnx-text"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge operators and paths; see `FormatReader.read`."""
        limit = examination.limits.document
        kind, known = _kind(place, examination)
        if not kind:
            return False
        if place.view.size > limit:
            raise over_limit("document", f"the ONNX text is over {limit} bytes")
        text = place.view.read_at(0, place.view.size).decode("utf-8-sig", "replace")
        if not known:
            return _read_by_name(kind, text, place, examination)
        found: _Found | None = None
        with malformed_as("ONX005", place, examination):
            found = _found(kind, text, examination)
        if found is None:
            return kind != "json"
        _report(found, place, examination)
        return True


def _read_by_name(kind: str, text: str, place: Place, examination: Examination) -> bool:
    """Judge what loaders would take for a model by its name alone; tell whether it was one."""
    try:
        found = _found(kind, text, examination)
    except MalformedError as error:
        if kind == "syntax":
            examination.problem(error.what, place)
        return kind == "syntax"
    if found is not None:
        _report(found, place, examination)
    return bool(found and (found.operators or found.locations))


def _found(kind: str, text: str, examination: Examination) -> _Found | None:
    if kind == "json":
        return _of_json(text, examination.limits.nesting)
    if kind == "syntax":
        return _of_syntax(text, examination.budget)
    return _of_text(parse_text(text, examination.budget))


def _kind(place: Place, examination: Examination) -> tuple[str, bool]:
    """Return `json`, `syntax` or `text` for what may be a model, and whether its content says so."""
    view = place.view
    if b"\0" in place.head or not place.head:
        return "", False
    if place.head.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return ("json" if _has_telling_key(place) else ""), True
    path = (place.member or examination.path).lower()
    end = min(view.size, examination.limits.document)
    start = skip_blank(view, 0, end)
    is_header = view.read_at(start, 1) == b"<"
    key = _KEY.match(view.read_at(skip_blank(view, start + is_header, end), _LONGEST_KEY))
    if key is not None and key[0] in _TEXT_KEYS:
        after = skip_blank(view, start + is_header, end) + key.end()
        mark = view.read_at(skip_blank(view, after, end), 1)
        if is_header and mark == b":":
            return "syntax", True
        if not is_header and mark in (b":", b"{", b"<"):
            return "text", True
    if path.endswith(_SYNTAX_NAMES):
        return "syntax", False
    return ("text" if path.endswith(_TEXT_NAMES) else ""), False


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


def _of_syntax(text: str, budget: Budget) -> _Found:
    tokens = list(syntax_tokens(text, budget))
    found = _Found(functions=own_functions(tokens), operators=list(called_operators(tokens)))
    found.locations = list(locations(tokens))
    return found


def _report(found: _Found, place: Place, examination: Examination) -> None:
    for domain, operator in found.operators:
        if (domain, operator) not in found.functions:
            report_operator(domain, operator, None, place, examination)
    for location in found.locations:
        if leaves(location):
            examination.find("ONX001", place, detail=location[:_SHOWN])
