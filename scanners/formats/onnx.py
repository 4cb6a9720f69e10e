"""ONNX: a protobuf whose graphs name operators, nested graphs, functions and files with tensors.

Source: `onnx.proto` (IR version 13), ONNX `docs/ExternalData.md`, ONNX Runtime's contributed
operators.
"""

from dataclasses import field
from typing import Final

from weightmark.patterns import lazy_pattern
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf import Field, Message, Probe, may_be_message
from weightmark.scanners.wire.window import resident
from weightmark.values import dataclass

__all__ = ["OnnxReader", "is_engine_path", "is_model", "report_engine", "report_operator"]

_VARINT, _BYTES = 0, 2
_IR_VERSION, _MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTION = 1, 7, 20, 25
_NAME = lazy_pattern(r"[A-Za-z_]\w*")
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_TENSOR, _GRAPH, _TENSORS, _GRAPHS, _SPARSE, _SPARSES = 5, 6, 10, 11, 22, 23
_ATTRIBUTE_NAME, _ATTRIBUTE_TEXT = 1, 4
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN, _FUNCTION_DEFAULT = 1, 7, 10, 11
_EXTERNAL_DATA = 13
_KEY, _VALUE = 1, 2
_DOMAINS = frozenset(
    [
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.preview",
        "ai.onnx.preview.training",
        "ai.onnx.training",
        "com.microsoft",
        "com.microsoft.dml",
        "com.microsoft.experimental",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
        "org.pytorch.aten",
    ]
)
"""domains whose operators come with ONNX or ONNX Runtime"""
_PYTHON = frozenset({"PyCustomOp", "PyOp", "PythonOp", "PythonOpGrad"})
"""operators that import a module or call a registered function (ONNX Runtime's language interop)"""
_EXTENSIONS, _PYTHON_PREFIX = "ai.onnx.contrib", "PyCustomOp"
"""the domain of ONNX Runtime Extensions, and how its Python functions are called there"""
_PREBUILT = frozenset({"EPContext", "OpenVINOEPContext", "QnnContext", "SnpeOp", "TRTEngineOp"})
"""operators whose attribute is an engine, or the path of one"""
_CONTEXT_PATHS = frozenset({"DLC", "ep_cache_context", "external_weights"})
_LONGEST_PATH = 4096
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class OnnxReader:
    """Walks every graph of the model, wherever one can stand."""

    name: Final[str] = "onnx"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge operators and paths; see `FormatReader.read`."""
        if not may_be_message(place.head):
            return False
        if not is_model(examination.probe(place)):
            return False
        view = resident(place.view, examination.limits)
        with malformed_as("ONX005", place, examination):
            _Walk(place, examination).model(Message.whole(view, examination.budget))
        return True


def is_model(found: Probe) -> bool:
    """Tell whether there is an IR version, and a graph that reads as a message."""
    if not found.has(_IR_VERSION, _VARINT):
        return False
    graphs = list(found.below(_MODEL_GRAPH))
    if found.sound:
        return any(graph.sound for graph in graphs)
    return any(
        _NAME.fullmatch(node.text(_NODE_OPERATOR, 256))
        for one in graphs
        for node in one.below(_NODE)
    )


def report_operator(
    domain: str, operator: str, offset: int | None, place: Place, examination: Examination
) -> None:
    """Report an operator that runs Python, carries an engine, or comes from nowhere known."""
    shown = _shown(f"{domain}::{operator}" if domain else operator)
    if operator in _PYTHON or (domain == _EXTENSIONS and operator.startswith(_PYTHON_PREFIX)):
        examination.find("ONX002", place, offset=offset, detail=shown)
    elif operator in _PREBUILT:
        examination.find("ONX004", place, offset=offset, detail=shown)
    elif domain not in _DOMAINS:
        examination.find("ONX003", place, offset=offset, detail=shown)


def is_engine_path(operator: str, attribute: str) -> bool:
    """Tell whether an attribute of an operator may hold the path of an engine."""
    return operator in _PREBUILT and attribute in _CONTEXT_PATHS


def report_engine(path: str, offset: int | None, place: Place, examination: Examination) -> None:
    """Report the path of an engine that leaves the folder; an engine that stands inside is no path."""
    if path.isprintable() and leaves(path):
        examination.find("ONX001", place, offset=offset, detail=_shown(f"engine `{path}`"))


@dataclass(slots=True)
class _Walk:
    place: Place
    examination: Examination
    functions: set[tuple[str, str]] = field(default_factory=set)

    def model(self, model: Message) -> None:
        for function in model.messages(_MODEL_FUNCTION):
            name = function.last_text(_FUNCTION_NAME)
            self.functions.add((function.last_text(_FUNCTION_DOMAIN), name))
        for below in model.fields():
            if below.wire != _BYTES:
                continue
            if below.number == _MODEL_GRAPH:
                self._graph(model.below(below))
            elif below.number == _MODEL_FUNCTION:
                self._function(model.below(below))
            elif below.number == _MODEL_TRAINING:
                for graph in model.below(below).messages(1, 2):
                    self._graph(graph)

    def _function(self, function: Message) -> None:
        for node in function.messages(_FUNCTION_NODE):
            self._node(node)
        for attribute in function.messages(_FUNCTION_DEFAULT):
            self._attribute(attribute, "")

    def _graph(self, graph: Message) -> None:
        for below in graph.fields():
            if below.wire != _BYTES:
                continue
            if below.number == _NODE:
                self._node(graph.below(below))
            elif below.number == _INITIALIZER:
                self._tensor(graph.below(below))
            elif below.number == _SPARSE_INITIALIZER:
                self._sparse(graph.below(below))

    def _node(self, node: Message) -> None:
        operator = domain = ""
        attributes: list[Field] = []
        for below in node.fields():
            if below.wire != _BYTES:
                continue
            if below.number == _NODE_OPERATOR:
                operator = node.text(below)
            elif below.number == _NODE_DOMAIN:
                domain = node.text(below)
            elif below.number == _NODE_ATTRIBUTE:
                attributes.append(below)
        self._operator(domain, operator, node.start)
        for attribute in attributes:
            self._attribute(node.below(attribute), operator)

    def _operator(self, domain: str, operator: str, offset: int) -> None:
        if (domain, operator) not in self.functions:
            report_operator(domain, operator, offset, self.place, self.examination)

    def _attribute(self, attribute: Message, operator: str) -> None:
        name, text = "", None
        for below in attribute.fields():
            if below.wire != _BYTES:
                continue
            if below.number == _ATTRIBUTE_NAME:
                name = attribute.text(below)
            elif below.number == _ATTRIBUTE_TEXT:
                text = below
            elif below.number in (_GRAPH, _GRAPHS):
                self._graph(attribute.below(below))
            elif below.number in (_TENSOR, _TENSORS):
                self._tensor(attribute.below(below))
            elif below.number in (_SPARSE, _SPARSES):
                self._sparse(attribute.below(below))
        if text is not None and is_engine_path(operator, name):
            self._context(attribute, text)

    def _context(self, attribute: Message, text: Field) -> None:
        if text.size <= _LONGEST_PATH:
            report_engine(attribute.text(text), text.start, self.place, self.examination)

    def _sparse(self, sparse: Message) -> None:
        for tensor in sparse.messages(1, 2):
            self._tensor(tensor)

    def _tensor(self, tensor: Message) -> None:
        for entry in tensor.messages(_EXTERNAL_DATA):
            if entry.last_text(_KEY) != "location":
                continue
            for path in entry.texts(_VALUE):
                if leaves(path):
                    self.examination.find(
                        "ONX001", self.place, offset=entry.start, detail=_shown(path)
                    )


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
