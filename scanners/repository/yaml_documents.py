"""YAML as a tree of nodes: tags are seen, nothing is constructed, aliases are not expanded."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.repository.documents import JsonObject
from weightmark.scanners.repository.hyperpyyaml_tags import is_foreign_tag

if TYPE_CHECKING:
    from yaml.nodes import Node

__all__ = ["compose", "dangerous_tags", "to_document"]

_DANGEROUS_TAG = re.compile(
    r"tag:yaml\.org,2002:python/(?!(?:none|bool|int|long|float|str|unicode|bytes|complex|list|tuple|dict)$)"
)
_MOST_NODES = 1_000_000


def compose(text: str, *, what: str) -> "list[Node]":
    """Return the root node of every document in `text`.

    Raises `MalformedError` where it is not YAML and `LimitError` for nesting beyond the
    interpreter's recursion limit.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.compose_all(text, Loader=loader))
    except RecursionError as error:
        raise LimitError(f"{what} is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise MalformedError(f"{what} is not YAML") from error


def dangerous_tags(root: "Node") -> Iterator[str]:
    """Yield each tag for which PyYAML's unsafe loader or HyperPyYAML imports what is no known class."""
    for node in _nodes(root):
        if _DANGEROUS_TAG.search(node.tag) or is_foreign_tag(node.tag):
            yield node.tag.replace("tag:yaml.org,2002:", "!!")


def to_document(root: "Node") -> Any:
    """Return the tree as objects, lists and texts; an alias stands for nothing more than once."""
    from yaml.nodes import MappingNode, SequenceNode

    done: dict[int, Any] = {}

    def convert(node: "Node") -> Any:
        if id(node) in done:
            return done[id(node)]
        done[id(node)] = None
        if isinstance(node, MappingNode):
            pairs = [(str(key.value), convert(value)) for key, value in node.value]
            result: Any = JsonObject(tuple(pairs))
        elif isinstance(node, SequenceNode):
            result = [convert(item) for item in node.value]
        else:
            result = _scalar(node)
        done[id(node)] = result
        return result

    return convert(root)


def _scalar(node: "Node") -> Any:
    text = str(node.value)
    if node.tag.endswith(":null"):
        return None
    if node.tag.endswith(":bool"):
        return text.lower() in {"true", "yes", "on"}
    return text


def _nodes(root: "Node") -> "Iterator[Node]":
    from yaml.nodes import CollectionNode, MappingNode

    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if len(seen) > _MOST_NODES:
            raise LimitError(f"the document has more than {_MOST_NODES} nodes")
        yield node
        if isinstance(node, MappingNode):
            stack.extend(part for pair in node.value for part in pair)
        elif isinstance(node, CollectionNode):
            stack.extend(node.value)
