"""YAML read event by event: tags are seen, nothing is constructed, aliases are not expanded."""

import re
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.documents import JsonObject
from weightmark.scanners.repository.hyperpyyaml_tags import is_foreign_tag
from weightmark.values import dataclass

if TYPE_CHECKING:
    from yaml.events import Event, NodeEvent

__all__ = [
    "Tagged",
    "YamlDocument",
    "YamlFile",
    "dangerous_tags",
    "included_paths",
    "parse_yaml",
]

_DANGEROUS_TAG = re.compile(
    r"tag:yaml\.org,2002:python/(?!(?:none|bool|int|long|float|str|unicode|bytes|complex|list|tuple|dict)$)"
)
_OTHER_LANGUAGES = re.compile(
    r"tag:yaml\.org,2002:(?:[a-z]\w*(?:\.[a-z]\w*)*\.[A-Z][\w.$]*|js/function|perl/(?!(?:array|hash|str|ref)\Z).+|php/.+)"
    r"|!(?:ruby/(?:object|exception|struct|class|module|hash|array|marshalable)\b.*"
    r"|perl/(?!(?:array|hash|str|ref)\Z).+|php/object.*|js/function)"
    r"|tag:ruby\.yaml\.org,2002:.+",
    re.DOTALL,
)
"""tags with which SnakeYAML (Java), Psych (Ruby), js-yaml, YAML::XS (Perl) and PHP build objects by class"""
_INCLUDE_TAG = re.compile(r"!include(?:_\w+)?(?::\s*(.*))?", re.DOTALL)
_MOST_NODES = 1_000_000
_MOST_IN_PYTHON = 1 << 17
"""bytes that the slower of the two parsers may read"""
_BYTE_ORDERS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8"))


@dataclass(frozen=True, slots=True)
class Tagged:
    """One tag that stands in a document."""

    tag: str
    """spelled out: `tag:yaml.org,2002:…` for `!!…`"""
    value: str
    """the text that it belongs to; empty for a list or an object"""


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One of the documents in a file."""

    content: Any
    """objects, lists and texts; an alias stands for the very same object as its anchor"""
    tags: tuple[Tagged, ...]
    """every explicit tag, in order"""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file holds, as far as it can be read."""

    documents: tuple[YamlDocument, ...]
    """those that are whole; a loader may build them before it comes to the break"""
    broken: str
    """why reading stopped; empty at the end of the file"""
    is_partial: bool = False
    """whether only the faster of the two parsers was asked, and stopped"""


def parse_yaml(data: bytes, *, what: str, nesting: int) -> YamlFile:
    """Return every document in `data`: UTF-8, or UTF-16 with a byte order mark, as PyYAML reads it.

    PyYAML has two parsers, and one of them takes what the other refuses. Raises `LimitError` for
    nesting deeper than `nesting` levels and for too many nodes.
    """
    import yaml

    encoding = next(name for mark, name in _BYTE_ORDERS if data.startswith(mark))
    text = data.decode(encoding, "replace")
    read = _read(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader), what, nesting)
    if read.broken and len(data) > _MOST_IN_PYTHON:
        return replace(read, is_partial=True)
    if read.broken:
        other = _read(text, yaml.SafeLoader, what, nesting)
        return read if len(other.documents) < len(read.documents) else other
    return read


def _read(text: str, loader: Any, what: str, nesting: int) -> YamlFile:
    import yaml

    builder = _Builder(what, nesting, yaml.resolver.Resolver().resolve)
    broken = ""
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except (yaml.YAMLError, ValueError):
        broken = f"{what} is not YAML"
    except MalformedError as error:
        broken = error.what
    return YamlFile(tuple(builder.documents), broken)


def dangerous_tags(document: YamlDocument) -> Iterator[str]:
    """Yield each tag for which an unsafe loader imports what is no known class.

    Loaders: PyYAML, HyperPyYAML, and those of other languages that build objects by the name of a class.
    """
    for one in document.tags:
        dangerous = _DANGEROUS_TAG.search(one.tag) or _OTHER_LANGUAGES.fullmatch(one.tag)
        if dangerous or is_foreign_tag(one.tag):
            yield one.tag.replace("tag:yaml.org,2002:", "!!")


def included_paths(document: YamlDocument) -> Iterator[str]:
    """Yield the path of each `!include`, after the tag or as a part of it."""
    for one in document.tags:
        if found := _INCLUDE_TAG.fullmatch(one.tag):
            yield (found[1] or one.value).strip()


@dataclass(slots=True)
class _Open:
    """A list or an object that has begun, or the document itself."""

    is_object: bool
    anchor: str | None
    items: list[Any] = field(default_factory=list)

    def close(self) -> Any:
        if not self.is_object:
            return self.items
        keys = (item if isinstance(item, str) else str(item)[:80] for item in self.items[::2])
        return JsonObject(tuple(zip(keys, self.items[1::2], strict=False)))


class _Builder:
    """Builds documents without recursion, so that a hostile one costs no stack."""

    def __init__(self, what: str, nesting: int, resolve: Callable[..., str]) -> None:
        self.documents: list[YamlDocument] = []
        self._what, self._nesting, self._resolve = what, nesting, resolve
        self._nodes = 0
        self._begin()

    def _begin(self) -> None:
        self._open = [_Open(False, None)]
        self._anchors: dict[str, Any] = {}
        self._tags: list[Tagged] = []

    def take(self, event: "Event") -> None:
        """Take the next event of the parser."""
        from yaml import events

        if isinstance(event, events.NodeEvent):
            self._node(event)
        elif isinstance(event, events.CollectionEndEvent):
            closed = self._open.pop()
            self._put(closed.close(), closed.anchor)
        elif isinstance(event, events.DocumentEndEvent):
            self.documents.append(YamlDocument(self._open[0].items[0], tuple(self._tags)))
            self._begin()

    def _node(self, event: "NodeEvent") -> None:
        from yaml import events

        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise LimitError(f"{self._what} has more than {_MOST_NODES} nodes")
        if isinstance(event, events.AliasEvent):
            self._put(self._anchored(event.anchor), None)
            return
        tag = getattr(event, "tag", None)
        if isinstance(event, events.ScalarEvent):
            if tag:
                self._tags.append(Tagged(tag, event.value))
            self._put(self._scalar(event), event.anchor)
            return
        if tag:
            self._tags.append(Tagged(tag, ""))
        if len(self._open) > self._nesting:
            raise over_limit(
                "nesting", f"{self._what} is nested deeper than {self._nesting} levels"
            )
        self._open.append(_Open(isinstance(event, events.MappingStartEvent), event.anchor))

    def _put(self, value: Any, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = value
        self._open[-1].items.append(value)

    def _anchored(self, anchor: str | None) -> Any:
        """Return what an alias stands for; nothing for one that stands inside of its own anchor."""
        if anchor in self._anchors:
            return self._anchors[anchor]
        if any(one.anchor == anchor for one in self._open):
            return None
        raise MalformedError(f"{self._what} has an alias without an anchor")

    def _scalar(self, event: Any) -> Any:
        from yaml.nodes import ScalarNode

        tag = event.tag or self._resolve(ScalarNode, event.value, event.implicit)
        if tag.endswith(":null"):
            return None
        if tag.endswith(":bool"):
            return event.value.lower() in {"true", "yes", "on"}
        return event.value
