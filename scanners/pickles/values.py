"""Symbolic values: what would stand on the stack of an unpickler, without making it.

Text, whole numbers, floats, booleans, None and tuples stand for themselves. Everything else
is one of these classes. Each value has a bounded size, whatever the pickle holds.
"""

from dataclasses import dataclass, field

from weightmark.scanners.allow.names import Permission

__all__ = [
    "KEPT_ITEMS",
    "BytesAt",
    "Call",
    "Container",
    "Global",
    "Instance",
    "Persistent",
    "TextAt",
    "Unknown",
    "Value",
    "show",
]

Value = object
"""a symbolic value; plain Python constants are values as well"""

KEPT_ITEMS = 8
"""items that a list, dict or set remembers for display"""
_SHOWN_TEXT = 200
_SHOWN_DEPTH = 4


@dataclass(slots=True, eq=False)
class Global:
    """Something imported by name."""

    module: str
    """the module, after the Python 2 names were mapped"""
    name: str
    """the name inside it"""
    permission: Permission
    """what the allowlist says about it"""
    offset: int
    """where it was imported first"""
    reported: bool = False
    """whether a finding names it already"""


@dataclass(slots=True, eq=False)
class Call:
    """The result of calling something."""

    of: Global | None
    """what was called, or None if that was computed"""
    text: str = ""
    """the call as text if a finding names it"""
    encoded: Value = None
    """the text that was encoded, if this is the result of a codec"""


@dataclass(slots=True, eq=False)
class Instance:
    """An object made from a class without calling the class."""

    of: Global | None
    """its class, or None if that was computed"""


@dataclass(slots=True, eq=False)
class Container:
    """A list, dict or set that the pickle made itself."""

    kind: str
    """`list`, `dict` or `set`"""
    items: list[Value] = field(default_factory=list)
    """the first items; keys and values in turn for a dict"""
    more: bool = False
    """whether it holds more than `items`"""
    dunder: bool = False
    """whether a key is a dunder name"""


@dataclass(slots=True, eq=False, frozen=True)
class BytesAt:
    """Bytes, left where they are."""

    offset: int
    """where they begin"""
    length: int
    """bytes"""


@dataclass(slots=True, eq=False, frozen=True)
class TextAt:
    """Text too long to keep, left where it is."""

    offset: int
    """where its bytes begin"""
    length: int
    """bytes"""
    encoding: str = "utf-8"
    """`utf-8`, or `raw-unicode-escape` for a text line"""


@dataclass(slots=True, eq=False, frozen=True)
class Persistent:
    """What the loader gives for a persistent id."""

    id: Value
    """the id"""


@dataclass(slots=True, eq=False, frozen=True)
class Unknown:
    """A value of which only its origin is known."""

    origin: str
    """how it came to be"""


def show(value: Value, depth: int = 0) -> str:
    """Return a value as bounded text, close to Python's own notation."""
    if depth > _SHOWN_DEPTH:
        return "…"
    if isinstance(value, Container):
        return _show_container(value, depth)
    if isinstance(value, tuple):
        inner = [show(item, depth + 1) for item in value[:KEPT_ITEMS]]
        inner += ["…"] if len(value) > KEPT_ITEMS else []
        return f"({', '.join(inner)}{',' if len(value) == 1 else ''})"
    return _show_single(value)


def _show_container(value: Container, depth: int) -> str:
    parts = [show(item, depth + 1) for item in value.items]
    if value.kind == "dict":
        parts = [f"{key}: {item}" for key, item in zip(parts[::2], parts[1::2], strict=False)]
    if value.more:
        parts.append("…")
    left, right = ("[", "]") if value.kind == "list" else ("{", "}")
    return left + ", ".join(parts) + right


def _show_single(value: Value) -> str:
    match value:
        case Global():
            text = f"{value.module}.{value.name}"
        case Call(of=of, text=known):
            text = known or (f"{show(of)}(…)" if of else "…(…)")
        case Instance(of=of):
            text = f"<{show(of)}>" if of else "<…>"
        case BytesAt(length=length):
            text = f"<{length} bytes>"
        case TextAt(length=length):
            text = f"<text of {length} bytes>"
        case Persistent(id=identifier):
            text = f"<persistent {type(identifier).__name__}>"
        case Unknown(origin=origin):
            text = f"<{origin}>"
        case int() if abs(value) > 1 << 128:
            text = "<large number>"
        case _:
            text = repr(value)
    return text if len(text) <= _SHOWN_TEXT else text[:_SHOWN_TEXT] + "…"
