"""ONNX Runtime's own format (`.ort`): a FlatBuffer with the graph of an ONNX model.

Source: ONNX Runtime `onnxruntime/core/flatbuffers/schema/ort.fbs`. Data that stand outside lie in a
file whose name follows from the model's own, so there is no path to judge but those of engines.
"""

from dataclasses import field
from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.onnx import is_engine_path, report_engine, report_operator
from weightmark.scanners.wire.flatbuffers import Table, root_table
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["OnnxRuntimeReader"]

_IDENTIFIER, _IDENTIFIER_AT = b"ORTM", 4
_SESSION_MODEL, _MODEL_GRAPH = 1, 7
_INITIALIZERS, _NODES, _SPARSE_INITIALIZERS = 0, 2, 7
_DOMAIN, _OPERATOR, _ATTRIBUTES = 2, 5, 10
_NAME, _TEXT, _TENSOR, _GRAPH, _TENSORS, _GRAPHS = 0, 5, 6, 7, 11, 12
_RAW_DATA, _STRINGS = 4, 5
_SPARSE_VALUES, _SPARSE_INDICES = 0, 1
_OFFSET = 4


@dataclass(frozen=True, slots=True)
class OnnxRuntimeReader:
    """Walks every graph, and checks that tensors lie inside of the file."""

    name: Final[str] = "onnx-runtime"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge operators and engines; see `FormatReader.read`."""
        if not place.head.startswith(_IDENTIFIER, _IDENTIFIER_AT):
            return False
        window = Window(resident(place.view, examination.limits))
        with malformed_as("ONX005", place, examination):
            model = root_table(window, examination.budget).table(_SESSION_MODEL)
            graph = model.table(_MODEL_GRAPH) if model else None
            if graph is None:
                examination.problem("the file holds no graph", place)
                return True
            _Walk(place, examination, [graph]).run()
        return True


@dataclass(slots=True)
class _Walk:
    place: Place
    examination: Examination
    waiting: list[Table]
    seen: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Walk each graph once, however many nodes share it."""
        while self.waiting:
            graph = self.waiting.pop()
            if graph.start in self.seen:
                continue
            self.seen.add(graph.start)
            for tensor in graph.tables(_INITIALIZERS):
                _require_inside(tensor)
            for sparse in graph.tables(_SPARSE_INITIALIZERS):
                for part in (sparse.table(_SPARSE_VALUES), sparse.table(_SPARSE_INDICES)):
                    _require_inside(part)
            for node in graph.tables(_NODES):
                self._node(node)

    def _node(self, node: Table) -> None:
        domain, operator = node.text(_DOMAIN), node.text(_OPERATOR)
        report_operator(domain, operator, node.start, self.place, self.examination)
        for attribute in node.tables(_ATTRIBUTES):
            below = attribute.table(_GRAPH)
            self.waiting += [*([below] if below else []), *attribute.tables(_GRAPHS)]
            for tensor in (attribute.table(_TENSOR), *attribute.tables(_TENSORS)):
                _require_inside(tensor)
            if is_engine_path(operator, attribute.text(_NAME)):
                path = attribute.text(_TEXT)
                report_engine(path, attribute.start, self.place, self.examination)


def _require_inside(tensor: Table | None) -> None:
    """Follow the data of a tensor; raises `MalformedError` where they reach over the end."""
    if tensor is not None:
        tensor.vector(_RAW_DATA, 1)
        tensor.vector(_STRINGS, _OFFSET)
