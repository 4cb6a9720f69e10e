"""Models in XML: PMML and OpenVINO, read without resolving anything that they refer to."""

import re
from dataclasses import field
from typing import TYPE_CHECKING, Final

from weightmark.errors import LimitError, UnsupportedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import MEBIBYTE
from weightmark.values import dataclass

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

__all__ = ["XmlModelReader"]

_BLOCK = MEBIBYTE
_DEEPEST = 2_000
_SHOWN = 120
_START = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<|\A(?:\xff\xfe)?<\0[^\0]\0|\A(?:\xfe\xff)?\0<\0[^\0]")
_WITHOUT_MARK = ((b"<\0", "UTF-16LE"), (b"\0<", "UTF-16BE"))
_UNREAD_STARTS = tuple(
    text.encode(name)
    for text, name in (
        ("<?xml", "utf-32-le"),
        ("<?xml", "utf-32-be"),
        ("\ufeff<?xml", "utf-32-le"),
        ("\ufeff<?xml", "utf-32-be"),
        ("<?xml", "cp037"),
    )
)
"""encodings that some parsers of XML find out by themselves, and expat does not read"""
_ROOTS = re.compile(rb"<([\w.-]+:)?(PMML|net)\b")
_DOTTED = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+")
_OPSETS = re.compile(r"opset\d{1,3}|experimental|ie_internal_opset|type_relaxed_opset")
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_IMPLAUSIBLE = 1 << 40
"""bytes that no file of weights has"""
_SEPARATOR = " "
_INCLUDE = "http://www.w3.org/2001/XInclude"


class _StopError(Exception):
    """Nothing further is worth reading."""


@dataclass(frozen=True, slots=True)
class XmlModelReader:
    """Reads documents whose root is `PMML`, or `net` with layers."""

    name: Final[str] = "xml-model"

    def read(self, place: Place, examination: Examination) -> bool:
        """Look at the document type, extensions and operations; see `FormatReader.read`."""
        if place.head.startswith(_UNREAD_STARTS):
            raise UnsupportedError("XML in this encoding is not looked into")
        if not _START.match(place.head) and not _begins_late(place):
            return False
        document = _Document(place, examination)
        return document.read()


@dataclass(slots=True)
class _Document:
    place: Place
    examination: Examination
    kind: str = ""
    depth: int = 0
    declared: list[tuple[str, str, int]] = field(default_factory=list)

    def read(self) -> bool:
        from xml.parsers.expat import ExpatError, ParserCreate

        head = self.place.head
        encoding = next((name for mark, name in _WITHOUT_MARK if head.startswith(mark)), None)
        parser = ParserCreate(encoding, namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        self._listen(parser)
        at = 0
        try:
            while block := self.place.view.read_at(at, _BLOCK):
                parser.Parse(block, False)
                at += len(block)
            parser.Parse(b"", True)
        except _StopError:
            pass
        except (ExpatError, ValueError, LookupError) as error:
            if self.kind or _ROOTS.search(head.replace(b"\0", b"")):
                self.kind = self.kind or "xml"
                self.examination.problem(f"the XML is not well formed: {error}", self.place)
        if not self.kind:
            return False
        self.examination.also_read_as(self.kind, self.place)
        for rule, detail, offset in self.declared:
            self.examination.find(rule, self.place, offset=offset, detail=detail)
        return True

    def _listen(self, parser: "XMLParserType") -> None:
        def declared(name: str, system: str | None, public: str | None, _: object) -> None:
            self.kind = self.kind or _kind(name)
            if system or public:
                self._note("XML002", f"{name}: {system or public}", parser)

        def entity(
            name: str, _: object, value: str | None, __: object, system: str | None, *___: object
        ) -> None:
            self._note("XML001", f"{name}: {system or (value or '')}", parser)

        def begin(name: str, attributes: dict[str, str]) -> None:
            self.depth += 1
            if self.depth > _DEEPEST:
                raise LimitError(f"the XML is nested deeper than {_DEEPEST} elements")
            self._element(name, attributes, parser)

        def end(_: str) -> None:
            self.depth -= 1

        parser.StartDoctypeDeclHandler = declared
        parser.EntityDeclHandler = entity
        parser.StartElementHandler = begin
        parser.EndElementHandler = end

    def _element(self, name: str, attributes: dict[str, str], parser: "XMLParserType") -> None:
        space, _, local = name.rpartition(_SEPARATOR)
        if self.depth == 1:
            self.kind = _kind(local)
            if not self.kind:
                raise _StopError
        if space == _INCLUDE:
            self._note("XML006", attributes.get("href", ""), parser)
        elif self.kind == "pmml":
            self._pmml(local, attributes, parser)
        elif local == "layer" and not _OPSETS.fullmatch(attributes.get("version", "opset1")):
            said = f"{attributes.get('type', '')} of {attributes.get('version', '')}"
            self._note("XML005", said, parser)
        elif local == "data" and self.kind == "openvino":
            self._weights(attributes, parser)

    def _weights(self, attributes: dict[str, str], parser: "XMLParserType") -> None:
        """Judge where the numbers of a constant lie in the file of weights."""
        said = [attributes.get(name, "0").strip() for name in ("offset", "size")]
        numbers = [int(one) if _NUMBER.fullmatch(one) else _IMPLAUSIBLE for one in said]
        if sum(numbers) >= _IMPLAUSIBLE:
            self._note("XML007", f"{said[1]} bytes at {said[0]}", parser)

    def _pmml(self, local: str, attributes: dict[str, str], parser: "XMLParserType") -> None:
        function = attributes.get("function", "")
        if local in ("Apply", "Aggregate") and _DOTTED.fullmatch(function):
            self._note("XML003", function, parser)
        elif local == "Extension":
            self._note("XML004", attributes.get("name", ""), parser)

    def _note(self, rule: str, said: str, parser: "XMLParserType") -> None:
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in said[:_SHOWN])
        known = [one for one in self.declared if one[0] == rule]
        if len(known) <= self.examination.limits.findings:
            self.declared.append((rule, shown, parser.CurrentByteIndex))


def _begins_late(place: Place) -> bool:
    """Tell a document that begins behind more white space than the head holds."""
    at, block = len(place.head), place.head
    while block and not block.strip():
        block = place.view.read_at(at, _BLOCK)
        at += len(block)
    return block.lstrip().startswith(b"<") and at > len(place.head)


def _kind(root: str) -> str:
    """Return the format of a document by its root element, or an empty text."""
    return {"PMML": "pmml", "net": "openvino"}.get(root.rpartition(":")[2], "")
