"""Symbolic values: what would stand on the stack of an unpickler, without making it.

Text, whole numbers, floats, booleans, None and tuples stand for themselves. Everything else
is one of these classes. Each value has a bounded size, whatever the pickle holds.
"""

from dataclasses import dataclass, field

from weightmark.scanners.allow.names import Grade, Permission

__all__ = [
    "KEPT_ITEMS",
    "ArmedTuple",
    "ArrayType",
    "BytesAt",
    "Call",
    "Container",
    "Global",
    "Instance",
    "Persistent",
    "TextAt",
    "Unknown",
    "Value",
    "is_armed",
    "is_odd_key",
    "keep",
    "make_tuple",
    "show",
]

Value = object
"""a symbolic value; plain Python constants are values as well"""

KEPT_ITEMS = 16
"""items that a list, dict or set remembers"""
_SHOWN_ITEMS = 8
_KEPT_TUPLE = 64
_SHOWN_TEXT = 200
_SHOWN_DEPTH = 4
_CONSTANTS = frozenset({str, int, float, bool, type(None)})
_HARMLESS_CALLS = frozenset({"", "any", "dtype", "plain"})
_METHODS = frozenset({"add", "append", "extend", "items", "keys", "update"})


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
    called: bool = False
    """whether it was called"""
    reported: bool = False
    """whether a finding names it already"""

    @property
    def harmless(self) -> bool:
        """Whether it may be called with whatever arguments an attacker chooses."""
        if self.permission.grade not in (Grade.SAFE, Grade.KNOWN):
            return False
        return self.permission.call in _HARMLESS_CALLS


@dataclass(slots=True, eq=False)
class Call:
    """The result of calling something."""

    of: Global | None
    """what was called, or None if that was computed"""
    text: str = ""
    """the call as text if a finding names it"""
    encoded: Value = None
    """the text that was encoded, if this is the result of a codec"""
    codec: str = ""
    """the codec that encoded it"""
    armed: bool = False
    """whether calling it would do what no allowlist accepts"""
    built: bool = False
    """whether its state was set"""
    carries: bool = False
    """whether the pickle gave it attributes"""


@dataclass(slots=True, eq=False)
class ArrayType(Call):
    """A numpy dtype."""

    descriptor: Value = None
    """what it was made from, for example `f8`"""
    state: Value = None
    """the state that was set: version, byte order, parts, sizes, flags"""


@dataclass(slots=True, eq=False)
class Instance:
    """An object made from a class without calling the class."""

    of: Global | None
    """its class, or None if that was computed"""
    built: bool = False
    """whether its state was set"""
    carries: bool = False
    """whether the pickle gave it attributes"""


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
    """whether a key is unfit as an attribute's name (see `is_odd_key`)"""
    armed: bool = False
    """whether something in it is armed (see `is_armed`)"""
    held: bool = False
    """whether another value holds it, so that what goes into it later goes in there as well"""
    frozen: bool = False
    """whether it became the state of an object, so that nothing may go into it any more"""


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


class ArmedTuple(tuple[Value, ...]):
    """A tuple in which something is armed."""

    __slots__ = ()


def is_armed(value: Value) -> bool:
    """Tell whether something callable in here could do harm, were it called with any arguments.

    Looks one level deep: containers and tuples learn it when something is put into them.
    """
    if isinstance(value, Global):
        return not value.harmless
    if isinstance(value, (Call, Container)):
        return value.armed
    return isinstance(value, ArmedTuple)


def is_odd_key(key: Value) -> bool:
    """Tell a key that is computed, a dunder, or the name of a method that an unpickler calls."""
    if type(key) is str:
        return key[:2] == "__" or key in _METHODS
    return type(key) not in _CONSTANTS


def make_tuple(items: list[Value]) -> tuple[Value, ...]:
    """Return a tuple of the first items, and of the first armed one wherever it stands."""
    armed = _hold(items)
    kept = items[:_KEPT_TUPLE]
    if armed is None:
        return tuple(kept)
    return ArmedTuple(kept if len(kept) == len(items) else [*kept, armed])


def keep(target: Container, items: list[Value]) -> None:
    """Put items into a container, which remembers the first ones and whether any is armed."""
    if _hold(items) is not None:
        target.armed = True
    room = KEPT_ITEMS - len(target.items)
    if room > 0:
        target.items += items[:room]
    if len(items) > room:
        target.more = True
        if any(map(_is_object_field, items[max(0, room) :])):
            target.armed = True


def _is_object_field(item: Value) -> bool:
    """Tell a field of a dtype that holds or could hold objects, when the field itself is not kept."""
    if not isinstance(item, tuple) or not item or not isinstance(item[0], ArrayType):
        return False
    text = item[0].descriptor
    if not isinstance(text, str) or text.lstrip("<>|=")[:1] == "O":
        return True
    parts = item[0].state[2:5] if isinstance(item[0].state, tuple) else ()
    return any(part is not None for part in parts)


def _hold(items: list[Value]) -> Value:
    """Mark the containers among the items as held; return the first armed item, or None."""
    first: Value = None
    for item in items:
        if type(item) in _CONSTANTS:
            continue
        if isinstance(item, Container):
            item.held = True
        if first is None and is_armed(item):
            first = item
    return first


def show(value: Value, depth: int = 0) -> str:
    """Return a value as bounded text, close to Python's own notation."""
    if depth > _SHOWN_DEPTH:
        return "…"
    if isinstance(value, Container):
        return _show_container(value, depth)
    if isinstance(value, tuple):
        inner = [show(item, depth + 1) for item in value[:_SHOWN_ITEMS]]
        inner += ["…"] if len(value) > _SHOWN_ITEMS else []
        return f"({', '.join(inner)}{',' if len(value) == 1 else ''})"
    return _show_single(value)


def _show_container(value: Container, depth: int) -> str:
    parts = [show(item, depth + 1) for item in value.items[:_SHOWN_ITEMS]]
    if value.kind == "dict":
        parts = [f"{key}: {item}" for key, item in zip(parts[::2], parts[1::2], strict=False)]
    if value.more or len(value.items) > _SHOWN_ITEMS:
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
