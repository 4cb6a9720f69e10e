"""The nodes of a TensorFlow graph, judged by operator and by the constants that reach their paths."""

from collections.abc import Iterator, Mapping, Sequence

from weightmark.errors import LimitError
from weightmark.scanners.operators.tensorflow import Reach, reach
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.wire.protobuf import Message
from weightmark.values import dataclass

__all__ = [
    "Function",
    "Node",
    "NodeHit",
    "judge_graph",
    "judge_operator",
    "read_node",
]

_NAME, _OPERATOR, _INPUT, _ATTRIBUTE = 1, 2, 3, 5
_VALUE_TEXT, _VALUE_TENSOR, _VALUE_FUNCTION = 2, 8, 10
_TENSOR_TEXT, _TENSOR_PACKED = 8, 4
_LONGEST_PATH = 4096
_FILE_CHECKS = frozenset({"Save", "SaveSlices", "SaveV2"})
_PASSING = frozenset(
    [
        "Add",
        "AddV2",
        "ExpandDims",
        "Fill",
        "Identity",
        "IdentityN",
        "Pack",
        "PlaceholderWithDefault",
        "ReduceJoin",
        "Reshape",
        "Select",
        "SelectV2",
        "ShardedFilename",
        "ShardedFilespec",
        "StringFormat",
        "StringJoin",
    ]
)
"""operators through which a text reaches a path"""
_FED = frozenset({"Arg", "Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "_Arg"})
_ATTRIBUTE_PATHS = {
    "DecodeProtoV2": "descriptor_source",
    "EncodeProto": "descriptor_source",
    "FixedUnigramCandidateSampler": "vocab_file",
}
_BY_ATTRIBUTE = frozenset({*_ATTRIBUTE_PATHS, "PrintV2"})
_BUILT_IN_SOURCES = ("bytes://", "local://")
_MOST_STEPS = 10_000
_MOST_CALLS = 64
"""functions through which a path is followed"""
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Node:
    """One node, as far as judging it needs."""

    name: str
    """the name in its graph"""
    operator: str
    """the operator, or the function, that it calls"""
    inputs: tuple[str, ...]
    """names of the nodes whose results it takes"""
    texts: tuple[tuple[str, str], ...]
    """texts in its attributes, with the attribute's name"""
    offset: int
    """where it stands in the file"""
    functions: tuple[str, ...] = ()
    """functions that its attributes name"""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the library of a graph."""

    name: str
    """the operator by which it is called"""
    parameters: tuple[str, ...]
    """names of its inputs, in order"""
    nodes: list[Node]
    """its body"""


@dataclass(slots=True)
class _Above:
    """Of what a path is built."""

    constants: list[str]
    computed: list[str]
    parameters: set[str]
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class NodeHit:
    """One thing that a rule saw at a node."""

    rule: str
    """rule id"""
    detail: str
    """the operator, the node and the path"""
    offset: int
    """where the node stands in the file"""


def read_node(node: Message) -> Node:
    """Read a `NodeDef`."""
    name = operator = ""
    inputs: list[str] = []
    texts: list[tuple[str, str]] = []
    functions: list[str] = []
    for field in node.fields():
        if field.number == _NAME and field.wire == 2:  # noqa: PLR2004 - bytes
            name = node.text(field)
        elif field.number == _OPERATOR and field.wire == 2:  # noqa: PLR2004 - bytes
            operator = node.text(field)
        elif field.number == _INPUT and field.wire == 2:  # noqa: PLR2004 - bytes
            inputs.append(node.text(field))
        elif field.number == _ATTRIBUTE and field.wire == 2:  # noqa: PLR2004 - bytes
            texts.extend(_attribute_texts(node.below(field)))
            functions.extend(_attribute_functions(node.below(field)))
    return Node(name, operator, tuple(inputs), tuple(texts), node.start, tuple(functions))


def _judge_nodes(nodes: list[Node], fed: set[str], functions: set[str]) -> Iterator[NodeHit]:
    """Yield what the nodes of one graph or function reach.

    `fed` are nodes that assets replace; `functions` stand in the model's own library.
    """
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        rule = judge_operator(node.operator)
        if rule == "TFG003" and node.operator in functions:
            continue
        if rule is not None:
            yield _hit(rule, node)
        elif reach(node.operator) is Reach.PATHS:
            yield from _judge_paths(node, by_name, fed)


def judge_graph(
    nodes: list[Node], functions: Sequence[Function], fed: set[str], known: set[str]
) -> Iterator[NodeHit]:
    """Yield what a graph reaches, its functions included, and the paths that it hands to them.

    `known` are names of functions beside those of this graph. Raises `LimitError`.
    """
    names = known | {function.name for function in functions}
    paths = _path_positions(functions)
    for body in [nodes, *(function.nodes for function in functions)]:
        yield from _judge_nodes(body, fed, names)
        yield from _judge_calls(body, paths, fed)


def _path_positions(functions: Sequence[Function]) -> dict[str, set[int]]:
    """Return the parameters of each function that become paths, however many functions lie between."""
    positions: dict[str, set[int]] = {}
    wanted = {function.name: _path_parameters(function.nodes) for function in functions}
    for _ in range(_MOST_CALLS):
        before = {name: set(found) for name, found in positions.items()}
        for function in functions:
            wanted[function.name] |= _handed_on(function.nodes, positions)
            found = positions.setdefault(function.name, set())
            found |= {
                index
                for index, name in enumerate(function.parameters)
                if name in wanted[function.name]
            }
        if positions == before:
            return positions
    raise LimitError(f"a path goes through more than {_MOST_CALLS} functions")


def _path_parameters(nodes: list[Node]) -> set[str]:
    """Return the parameters of a function that become the paths of its operators."""
    by_name = {node.name: node for node in nodes}
    found: set[str] = set()
    for node in nodes:
        if reach(node.operator) is Reach.PATHS and node.operator not in _BY_ATTRIBUTE:
            found |= _texts_above(node, by_name, set()).parameters
    return found


def _handed_on(nodes: list[Node], paths: Mapping[str, set[int]]) -> set[str]:
    """Return the parameters of a function that it hands to others as paths."""
    by_name = {node.name: node for node in nodes}
    found: set[str] = set()
    for node in nodes:
        for _, wanted in _called_with(node, paths):
            found |= _above(wanted, by_name, set()).parameters
    return found


def _called_with(node: Node, paths: Mapping[str, set[int]]) -> Iterator[tuple[str, list[str]]]:
    """Yield each function that a node calls, and the inputs that become paths in it."""
    called = sorted({node.operator, *node.functions} & paths.keys())
    inputs = [name for name in node.inputs if not name.startswith("^")] if called else []
    for name in called:
        yield name, [inputs[index] for index in sorted(paths[name]) if index < len(inputs)]


def _judge_calls(
    nodes: list[Node], paths: Mapping[str, set[int]], fed: set[str]
) -> Iterator[NodeHit]:
    """Yield the constants that reach a path through a function; `paths` are its positions."""
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        for _, wanted in _called_with(node, paths):
            for text in _above(wanted, by_name, fed).constants:
                if leaves(text):
                    yield _hit("TFG004", node, text)


def judge_operator(operator: str) -> str | None:
    """Return the rule that an operator breaks by its name alone."""
    match reach(operator):
        case Reach.CODE:
            return "TFG002"
        case Reach.FILES:
            return "TFG001"
        case Reach.UNKNOWN if not _is_function(operator):
            return "TFG003"
    return None


def _is_function(operator: str) -> bool:
    """Tell whether a name is that of a function: they begin with an underscore or a small letter."""
    return not operator[:1].isupper()


def _judge_paths(node: Node, by_name: Mapping[str, Node], fed: set[str]) -> Iterator[NodeHit]:
    wanted = _ATTRIBUTE_PATHS.get(node.operator)
    if wanted or node.operator == "PrintV2":
        for key, text in node.texts:
            if (key == wanted and text and not text.startswith(_BUILT_IN_SOURCES)) or (
                key == "output_stream" and text.startswith("file:")
            ):
                yield _hit("TFG001", node, text)
        return
    above = _texts_above(node, by_name, fed)
    for text in above.constants:
        if leaves(text):
            yield _hit("TFG004", node, text)
    for operator in above.computed:
        yield _hit("TFG001", node, f"a path that {operator} computes")
    if not above.is_open and above.constants and node.operator in _FILE_CHECKS:
        yield _hit("TFG001", node, "a constant path")


def _texts_above(node: Node, by_name: Mapping[str, Node], fed: set[str]) -> _Above:
    """Return of what the path of a node is built."""
    inputs = [name for name in node.inputs if not name.startswith("^")]
    if node.operator.startswith("InitializeTable") or "Dataset" in node.operator:
        inputs = inputs[1:2]
    else:
        inputs = inputs[: 2 if node.operator == "MergeV2Checkpoints" else 1]
    return _above(inputs, by_name, fed)


def _above(names: list[str], by_name: Mapping[str, Node], fed: set[str]) -> _Above:
    found = _Above([], [], set())
    stack = list(names)
    seen: set[str] = set()
    while stack:
        name = _node_name(stack.pop())
        if name in seen:
            continue
        seen.add(name)
        if len(seen) > _MOST_STEPS:
            raise LimitError(f"a path is built from more than {_MOST_STEPS} nodes")
        node = by_name.get(name)
        if node is None:
            found.parameters.add(name)
        found.is_open |= node is None or node.operator in _FED
        if node is None or name in fed:
            continue
        if node.operator == "Const":
            found.constants += [text for _, text in node.texts]
        elif node.operator in _PASSING:
            inputs = [name for name in node.inputs if not name.startswith("^")]
            stack += inputs[1:] if node.operator.startswith("Select") else inputs
        elif node.operator not in _FED:
            found.computed.append(node.operator)
    return found


def _node_name(reference: str) -> str:
    return reference.lstrip("^").partition(":")[0]


def _attribute_texts(entry: Message) -> Iterator[tuple[str, str]]:
    """Yield the texts of one attribute: itself, in a list, or in a tensor of texts."""
    key = entry.last_text(1)
    for value in entry.messages(2):
        for field in value.fields():
            if field.wire != 2:  # noqa: PLR2004 - bytes
                continue
            if field.number == _VALUE_TEXT and field.size <= _LONGEST_PATH:
                yield key, value.text(field)
            elif field.number == _VALUE_TENSOR:
                yield from ((key, text) for text in _tensor_texts(value.below(field)))


def _attribute_functions(entry: Message) -> Iterator[str]:
    """Yield the names of the functions of one attribute."""
    for value in entry.messages(2):
        for function in value.messages(_VALUE_FUNCTION):
            yield function.last_text(1)


def _tensor_texts(tensor: Message) -> Iterator[str]:
    """Yield the texts of a tensor, listed or packed: all lengths, then all bytes."""
    for field in tensor.fields():
        if field.number == _TENSOR_TEXT and field.size <= _LONGEST_PATH:
            yield tensor.text(field)
        elif field.number == _TENSOR_PACKED and 0 < field.size <= _LONGEST_PATH:
            yield from _packed(tensor.data(field, _LONGEST_PATH))


def _packed(data: bytes) -> list[str]:
    """Return the texts of `tensor_content`, none if it holds numbers (`port::DecodeStringList`)."""
    sizes: list[int] = []
    at = value = shift = 0
    while at < len(data) and at + sum(sizes) < len(data):
        value |= (data[at] & 0x7F) << shift
        shift += 7
        if data[at] < 0x80:  # noqa: PLR2004 - the continuation bit of a varint
            sizes.append(value)
            value = shift = 0
        at += 1
    if at + sum(sizes) != len(data):
        return []
    texts = []
    for size in sizes:
        texts.append(data[at : at + size].decode("utf-8", "replace"))
        at += size
    return texts


def _hit(rule: str, node: Node, said: str = "") -> NodeHit:
    shown = f"{node.operator} at `{node.name}`" + (f": {said}" if said else "")
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in shown[:_SHOWN])
    return NodeHit(rule, text, node.offset)
