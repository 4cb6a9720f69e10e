"""TensorFlow graphs: SavedModel, MetaGraph and frozen GraphDef, functions included.

Source: TensorFlow's `saved_model.proto`, `meta_graph.proto`, `graph.proto`, `function.proto`,
`saved_object_graph.proto` and `tensorflow/security` ("models are programs").
"""

from collections.abc import Iterator
from dataclasses import field
from typing import Final

from weightmark.errors import LimitError, UnsupportedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.tensorflow_nodes import (
    Function,
    NodeHit,
    judge_graph,
    read_node,
)
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf import Message, Probe, may_be_message
from weightmark.scanners.wire.window import resident
from weightmark.values import dataclass

__all__ = ["TensorflowReader"]

_OPERATOR = lazy_pattern(r"[A-Za-z_][A-Za-z0-9_.>/-]*")
_LONGEST_OPERATOR = 256
_CHUNKED = b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f"
_NODE, _LIBRARY = 1, 2
_META_INFO, _META_GRAPH, _COLLECTION, _ASSET, _OBJECTS = 1, 2, 4, 6, 7
_SAVED_META = 2
_FUNCTION, _FUNCTION_NODE = 1, 3
_OBJECT, _USER_OBJECT, _METADATA = 1, 4, 3
_KERAS_NODE, _KERAS_IDENTIFIER, _KERAS_METADATA = 1, 4, 5


@dataclass(frozen=True, slots=True)
class TensorflowReader:
    """Judges every operator of every graph and function, and the files that they name."""

    name: Final[str] = "tensorflow"

    def read(self, place: Place, examination: Examination) -> bool:
        """Walk whatever the bytes can be read as; see `FormatReader.read`."""
        if place.head.startswith(_CHUNKED):
            examination.also_read_as("riegeli", place)
            raise UnsupportedError("a chunked SavedModel is not looked into")
        if not may_be_message(place.head):
            return False
        found = examination.probe(place)
        kinds = [word for word, fits in _KINDS if fits(found)]
        if not kinds:
            if not found.whole:
                raise LimitError("too many fields stand before those that tell the format")
            return False
        view = resident(place.view, examination.limits)
        for word in kinds:
            examination.also_read_as(word, place)
            message = Message.whole(view, examination.budget)
            with malformed_as("TFG005", place, examination):
                _Walk(place, examination).run(word, message)
        return True


def _is_graph(found: Probe) -> bool:
    """Tell whether the first node names an operator."""
    for node in found.below(_NODE):
        operator = node.text(2, _LONGEST_OPERATOR)
        return node.has(1) and _OPERATOR.fullmatch(operator) is not None
    return False


def _is_meta_graph(found: Probe) -> bool:
    return any(_is_graph(graph) or _has_functions(graph) for graph in found.below(_META_GRAPH))


def _has_functions(found: Probe) -> bool:
    """Tell whether the library of a graph has functions with a signature."""
    for library in found.below(_LIBRARY):
        for function in library.below(_FUNCTION):
            return any(_OPERATOR.match(one.text(1, 4096)) for one in function.below(1))
    return False


def _is_saved_model(found: Probe) -> bool:
    return any(_is_meta_graph(graph) for graph in found.below(_SAVED_META))


def _is_keras_metadata(found: Probe) -> bool:
    """Tell whether the first object has an identifier of Keras and a JSON text."""
    for node in found.below(_KERAS_NODE):
        text = node.text(_KERAS_METADATA, 1 << 24)
        return node.text(_KERAS_IDENTIFIER, 256).startswith("_tf_keras") and text.startswith("{")
    return False


_KINDS = (
    ("saved-model", _is_saved_model),
    ("meta-graph", _is_meta_graph),
    ("graph-def", _is_graph),
    ("keras-metadata", _is_keras_metadata),
)


@dataclass(slots=True)
class _Walk:
    place: Place
    examination: Examination
    fed: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    def run(self, kind: str, message: Message) -> None:
        match kind:
            case "saved-model":
                for meta in message.messages(_SAVED_META):
                    self._meta_graph(meta)
            case "meta-graph":
                self._meta_graph(message)
            case "graph-def":
                self._graph(message)
            case _:
                for node in message.messages(_KERAS_NODE):
                    self._metadata(node, _KERAS_METADATA)

    def _meta_graph(self, meta: Message) -> None:
        for asset in meta.messages(_ASSET):
            self._asset(asset)
        for below in meta.messages(_META_GRAPH):
            self._graph(below)
        for objects in meta.messages(_OBJECTS):
            for one in objects.messages(_OBJECT):
                for user in one.messages(_USER_OBJECT):
                    self._metadata(user, _METADATA)

    def _asset(self, asset: Message) -> None:
        """Judge an asset's file name, and remember the node that it replaces."""
        for tensor in asset.messages(1):
            self.fed.add(tensor.last_text(1).partition(":")[0])
        for name in asset.texts(2):
            if leaves(name):
                self.examination.find("TFG004", self.place, offset=asset.start, detail=name[:120])

    def _graph(self, graph: Message) -> None:
        functions = [
            _function(one)
            for library in graph.messages(_LIBRARY)
            for one in library.messages(_FUNCTION)
        ]
        nodes = [read_node(node) for node in graph.messages(_NODE)]
        self._report(judge_graph(nodes, functions, self.fed, self.functions))
        self.functions |= {function.name for function in functions}

    def _report(self, hits: Iterator[NodeHit]) -> None:
        for hit in hits:
            self.examination.find(hit.rule, self.place, offset=hit.offset, detail=hit.detail)

    def _metadata(self, owner: Message, number: int) -> None:
        """Have the configuration of a Keras object looked at as any other JSON."""
        for below in _long_fields(owner, number, self.examination.limits.document):
            if below.startswith(b"{"):
                place = self.place.inside("keras_metadata", MemoryView(below))
                self.examination.look(place)


def _function(function: Message) -> Function:
    nodes = [read_node(node) for node in function.messages(_FUNCTION_NODE)]
    name, parameters = "", []
    for signature in function.messages(1):
        name = signature.last_text(1)
        parameters = [parameter.last_text(1) for parameter in signature.messages(2)]
    return Function(name, tuple(parameters), nodes)


def _long_fields(owner: Message, number: int, limit: int) -> Iterator[bytes]:
    for below in owner.fields():
        if below.number == number and below.size:
            yield owner.data(below, limit)
