"""TensorFlow graphs as text: `saved_model.pbtxt` and graphs beside it, which loaders take as well."""

import re
from collections.abc import Iterator
from typing import Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.tensorflow_nodes import Function, Node, judge_graph
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf_text import TextMessage, parse_text
from weightmark.scanners.wire.text_opening import skip_blank
from weightmark.values import dataclass

__all__ = ["TensorflowTextReader"]

_KEY = re.compile(rb"[A-Za-z_]\w*")
_KEYS = frozenset(
    [
        b"asset_file_def",
        b"collection_def",
        b"graph_def",
        b"library",
        b"meta_graphs",
        b"meta_info_def",
        b"node",
        b"object_graph_def",
        b"saved_model_schema_version",
        b"saver_def",
        b"signature_def",
        b"versions",
    ]
)
"""fields of `SavedModel`, `MetaGraphDef` and `GraphDef`"""
_NAMES = (".pbtxt", ".textproto", ".prototxt", ".txtpb", ".textpb")
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class TensorflowTextReader:
    """Judges the operators of a graph that is written as text."""

    name: Final[str] = "tensorflow-text"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge every node and asset; see `FormatReader.read`."""
        if b"\0" in place.head or not place.head:
            return False
        limit = examination.limits.document
        known = _is_graph(place, limit)
        path = (place.member or examination.path).lower()
        if not known and not path.endswith(_NAMES):
            return False
        if place.view.size > limit:
            raise over_limit("document", f"the graph is over {limit} bytes of text")
        text = place.view.read_at(0, place.view.size).decode("utf-8", "replace")
        if not known:
            return _read_by_name(text, place, examination)
        with malformed_as("TFG005", place, examination):
            _judge(parse_text(text, examination.budget), place, examination)
        return True


def _is_graph(place: Place, limit: int) -> bool:
    """Tell text that begins with a field of a graph."""
    view, end = place.view, min(place.view.size, limit)
    start = skip_blank(view, 0, end)
    key = _KEY.match(view.read_at(start, _LONGEST_KEY))
    if key is None or key[0] not in _KEYS:
        return False
    return view.read_at(skip_blank(view, start + key.end(), end), 1) in (b":", b"{", b"<")


def _read_by_name(text: str, place: Place, examination: Examination) -> bool:
    """Judge what loaders would take for a graph by its name alone; tell whether it was one."""
    try:
        document = parse_text(text, examination.budget)
    except MalformedError as error:
        examination.problem(error.what, place)
        return True
    if not any(name in ("node", "meta_graphs") for name, _ in document.below):
        return False
    _judge(document, place, examination)
    return True


def _judge(document: TextMessage, place: Place, examination: Examination) -> None:
    metas = [document, *document.all("meta_graphs")]
    for asset in (one for meta in metas for one in meta.all("asset_file_def")):
        if leaves(asset.text("filename")):
            examination.find("TFG004", place, detail=asset.text("filename")[:120])
    fed = {
        info.text("name").partition(":")[0]
        for meta in metas
        for info in meta.all("asset_file_def", "tensor_info")
    }
    for graph in [document, *(graph for meta in metas for graph in meta.all("graph_def"))]:
        functions = [_function(one) for one in graph.all("library", "function")]
        nodes = [_node(one) for one in graph.all("node")]
        for hit in judge_graph(nodes, functions, fed, set()):
            examination.find(hit.rule, place, detail=hit.detail)


def _function(message: TextMessage) -> Function:
    name, parameters = "", []
    for signature in message.all("signature"):
        name = signature.text("name")
        parameters = [one.text("name") for one in signature.all("input_arg")]
    return Function(name, tuple(parameters), [_node(one) for one in message.all("node_def")])


def _node(message: TextMessage) -> Node:
    inputs = tuple(value for name, value in message.texts if name == "input")
    functions = tuple(one.text("name") for one in message.all("attr", "value", "func"))
    return Node(
        message.text("name"), message.text("op"), inputs, tuple(_texts(message)), 0, functions
    )


def _texts(node: TextMessage) -> Iterator[tuple[str, str]]:
    for attribute in node.all("attr"):
        key = attribute.text("key")
        for value in attribute.all("value"):
            yield from ((key, text) for name, text in value.texts if name == "s")
            for tensor in value.all("tensor"):
                yield from ((key, text) for name, text in tensor.texts if name == "string_val")
