"""Core ML: a protobuf of one model or a pipeline of them, and the manifest of a package.

Source: coremltools `mlmodel/format/Model.proto`, `NeuralNetwork.proto`, `MIL.proto`,
`LinkedModel.proto` and `CustomModel.proto`.
"""

from typing import Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.documents import decode_json, parse_document, walk
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf import Field, Message, Probe, may_be_message
from weightmark.scanners.wire.window import resident
from weightmark.values import dataclass

__all__ = ["CoremlPackageReader", "CoremlReader"]

_VARINT, _BYTES = 0, 2
_VERSION, _DESCRIPTION = 1, 2
_FIRST_KIND, _LAST_KIND = 200, 3999
_PIPELINES, _PIPELINE = (200, 201), 202
_NETWORKS = (303, 403, 500)
_PROGRAM, _CUSTOM_MODEL, _LINKED_MODEL = 502, 555, 556
_LAYER, _CUSTOM_LAYER, _CUSTOM_NAME = 1, 500, 10
_MODEL_PATH = "@model_path/"
_SHOWN = 120
_BEFORE = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class CoremlReader:
    """Walks the model and all models inside of it."""

    name: Final[str] = "coreml"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge custom parts, links and files; see `FormatReader.read`."""
        named = (place.member or examination.path).lower().endswith(".mlmodel")
        if not may_be_message(place.head) or not _is_model(examination.probe(place), named):
            return False
        view = resident(place.view, examination.limits)
        with malformed_as("CML003", place, examination):
            _Walk(place, examination).model(Message.whole(view, examination.budget))
        return True


def _is_model(found: Probe, named: bool) -> bool:
    kinds = [n for n, wire in found.found if _FIRST_KIND <= n <= _LAST_KIND and wire == _BYTES]
    described = found.has(_VERSION, _VARINT) and (named or found.has(_DESCRIPTION))
    return described and bool(kinds)


@dataclass(slots=True)
class _Walk:
    place: Place
    examination: Examination

    def model(self, model: Message) -> None:
        for field in model.fields():
            if field.wire == _BYTES and _FIRST_KIND <= field.number <= _LAST_KIND:
                self._kind(field, model.below(field))

    def _kind(self, field: Field, below: Message) -> None:
        if field.number == _PIPELINE:
            self._pipeline(below)
        elif field.number in _PIPELINES:
            for pipeline in below.messages(1):
                self._pipeline(pipeline)
        elif field.number in _NETWORKS:
            self._network(below)
        elif field.number == _CUSTOM_MODEL:
            self._find("CML001", below, below.last_text(_CUSTOM_NAME))
        elif field.number == _LINKED_MODEL:
            self._linked(below)
        elif field.number == _PROGRAM:
            self._program(below)

    def _network(self, network: Message) -> None:
        for layer in network.messages(_LAYER):
            for custom in layer.messages(_CUSTOM_LAYER):
                self._find("CML001", custom, custom.last_text(_CUSTOM_NAME))

    def _program(self, program: Message) -> None:
        for entry in program.messages(2):
            for function in entry.messages(2):
                self._function(function)

    def _pipeline(self, pipeline: Message) -> None:
        for model in pipeline.messages(1):
            self.model(model)

    def _linked(self, linked: Message) -> None:
        for file in linked.messages(1):
            for number in (1, 2):
                for value in file.messages(number):
                    path = value.last_text(1)
                    self._find("CML002" if leaves(path) else "CML004", linked, path)

    def _function(self, function: Message) -> None:
        for entry in function.messages(3):
            for block in entry.messages(2):
                self._block(block)

    def _block(self, block: Message) -> None:
        for operation in block.messages(3):
            kind = operation.last_text(1)
            if kind.startswith("custom"):
                self._find("CML001", operation, kind)
            for argument in operation.messages(2, 5):
                self._values(argument)
            for inner in operation.messages(4):
                self._block(inner)

    def _values(self, entry: Message) -> None:
        """Judge the files that the values of an argument or attribute are read from."""
        for value in entry.messages(2):
            self._file(value)
            for binding in value.messages(1):
                for bound in binding.messages(2):
                    self._file(bound)

    def _file(self, value: Message) -> None:
        for blob in value.messages(5):
            path = blob.last_text(1).removeprefix(_MODEL_PATH)
            if leaves(path):
                self._find("CML002", blob, path)

    def _find(self, rule: str, message: Message, said: str) -> None:
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in said[:_SHOWN])
        self.examination.find(rule, self.place, offset=message.start, detail=shown)


@dataclass(frozen=True, slots=True)
class CoremlPackageReader:
    """Reads the `Manifest.json` of an `.mlpackage`, which names the files of the model."""

    name: Final[str] = "coreml-package"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge the paths; see `FormatReader.read`."""
        if not place.head.lstrip(_BEFORE).startswith(b"{") or not _names_items(place, examination):
            return False
        limit = examination.limits.document
        if place.view.size > limit:
            raise over_limit("document", f"the manifest is over {limit} bytes")
        text = decode_json(place.view.read_at(0, place.view.size))
        try:
            document = parse_document(text, what="the manifest", nesting=examination.limits.nesting)
        except MalformedError:
            return False
        for field in walk(document):
            if field.key == "path" and isinstance(field.value, str) and leaves(field.value):
                examination.find("CML002", place, detail=field.value[:_SHOWN])
        return True


def _names_items(place: Place, examination: Examination) -> bool:
    """Tell whether the keys of a manifest stand near the start or in a short file."""
    most = min(place.view.size, examination.limits.template)
    return b'"itemInfoEntries"' in place.view.read_at(0, most)
