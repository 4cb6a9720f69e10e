"""Symbolic values: what would stand on the stack of an unpickler, without making it.

Text, whole numbers, floats, booleans, None and tuples stand for themselves. Everything else
is one of these classes. Each value has a bounded size, whatever the pickle holds.
"""

import itertools
from collections.abc import Sequence
from typing import ClassVar

from weightmark.scanners.allow.names import Grade, Permission
from weightmark.scanners.pickles.code_texts import may_be_code
from weightmark.scanners.pickles.places import is_place, is_reaching
from weightmark.values import dataclass

__all__ = [
    "CODE_KEYS",
    "CONSTANTS",
    "HOOKS",
    "KEPT_ITEMS",
    "KEPT_TUPLE",
    "LEAVES",
    "METHODS",
    "MOST_SUSPECTS",
    "UNARMED",
    "WATCHED",
    "ArmedTuple",
    "ArrayType",
    "ArrowType",
    "BytesAt",
    "Call",
    "Container",
    "Global",
    "Instance",
    "Persistent",
    "PlainDict",
    "PlainList",
    "PlainSet",
    "TextAt",
    "Unknown",
    "Value",
    "hold_one",
    "is_armed",
    "is_few_data",
    "is_odd_key",
    "keep",
    "make_tuple",
    "show",
]

Value = object
"""a symbolic value; plain Python constants are values as well"""

KEPT_ITEMS = 16
"""items that a list, dict or set remembers"""
_MOST_FIELDS = 1024
MOST_SUSPECTS = 256
"""texts that may be code, which a dict remembers beyond its first items"""
_SHOWN_ITEMS = 8
KEPT_TUPLE = 64
"""items that a tuple remembers"""
_SHOWN_TEXT = 200
_SHOWN_DEPTH = 4
CONSTANTS = frozenset({str, int, float, bool, type(None)})
"""types of values that stand for themselves and hold nothing"""
_HARMLESS_CALLS = frozenset({"any", "dtype", "plain", "ratio", "sized", "span"})
_LOADERS = frozenset({"diffusers", "sentence_transformers", "transformers"})
METHODS = frozenset({"add", "append", "extend", "items", "keys", "update"})
"""names of methods that an unpickler looks up on an object"""
CODE_KEYS = frozenset(
    [
        "_attn_implementation",
        "_attn_implementation_internal",
        "_parse_arg_template",
        "attn_implementation",
        "auto_map",
        "chat_template",
        "custom_generate",
        "custom_pipelines",
        "formula",
        "store_backend",
        "tool_class",
        "trust_remote_code",
    ]
)
"""attributes whose text scipy's distributions, the data of statsmodels and the loaders of models run, and the
place from which joblib's `Memory` reads pickles"""
HOOKS = frozenset(
    {
        "_argcheck",
        "_attach_argparser_methods",
        "_attach_methods",
        "_construct_argparser",
        "_patch_step_function",
        "_updated_ctor_param",
        "forward",
        "kernel_transform",
    }
)
"""methods that classes of torch, scipy and bayes_opt look up on an object while its state is set or it is called"""
WATCHED = METHODS | CODE_KEYS | HOOKS
"""keys that need a look at the key itself or at its value"""


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
    routine: bool = False
    """whether a call of it was allowed that no more than its kind of arguments decided on"""

    @property
    def loads_models(self) -> bool:
        """Whether its library fetches code that a configuration names."""
        return self.module.partition(".")[0] in _LOADERS

    @property
    def harmless(self) -> bool:
        """Whether it may be called with whatever arguments an attacker chooses."""
        if self.permission.grade not in (Grade.SAFE, Grade.KNOWN):
            return False
        return self.permission.apply or self.permission.call in _HARMLESS_CALLS


@dataclass(slots=True, eq=False)
class Call:
    """The result of calling something."""

    of: Global | None
    """what was called, or None if that was computed"""
    text: str = ""
    """the call as text if a finding names it"""
    encoded: Value = None
    """the text that was encoded, or the bytes that were wrapped"""
    codec: str = ""
    """the codec that encoded it"""
    armed: bool = False
    """whether calling it would do what no allowlist accepts"""
    built: bool = False
    """whether its state was set"""
    carries: bool = False
    """whether the pickle gave it attributes"""
    attributes: Value = None
    """the state that was set, where methods may be got from it"""


@dataclass(slots=True, eq=False)
class ArrayType(Call):
    """A numpy dtype."""

    descriptor: Value = None
    """what it was made from, for example `f8`"""
    state: Value = None
    """the state that was set: version, byte order, parts, sizes, flags"""


@dataclass(slots=True, eq=False)
class ArrowType(Call):
    """A type of Arrow's columns."""

    name: str = ""
    """its short name, for example `large_string`; empty if it is not understood"""
    inner: "tuple[ArrowType, ...]" = ()
    """the types that it is made of"""
    size: int = 0
    """bytes of an item, or items of a list, where every one has as many"""


@dataclass(slots=True, eq=False)
class Instance:
    """An object made from a class without calling the class."""

    of: Global | None
    """its class, or None if that was computed"""
    built: bool = False
    """whether its state was set"""
    carries: bool = False
    """whether the pickle gave it attributes"""
    attributes: Value = None
    """the state that was set, where methods may be got from it"""
    named: bool = False
    """whether a text was among the arguments it was made from"""
    odd: bool = False
    """whether a key of its items is unfit as an attribute's name (see `is_odd_key`)"""


class Container:
    """A list, dict or set that the pickle made itself.

    The attributes begin as defaults of the class: a pickle can make millions of containers, and one
    that never changes costs nothing.
    """

    kind: ClassVar[str]
    """`list`, `dict` or `set`"""
    items: Sequence[Value] = ()
    """the first items; keys and values in turn for a dict"""
    armed: bool = False
    """whether something in it is armed (see `is_armed`)"""
    held: bool = False
    """whether another value holds it, so that what goes into it later goes in there as well"""
    more: bool = False
    """whether it holds more than `items`"""
    dunder: bool = False
    """whether a key is unfit as an attribute's name (see `is_odd_key`)"""
    _frozen: bool = False
    code: bool = False
    """whether text in it is more than what an honest library would run (see `CODE_KEYS`)"""
    fields: Sequence[Value] = ()
    """those of the keys and values that are not remembered which may be fields of a dtype"""
    dropped: bool = False
    """whether a value of a dict is neither remembered nor among the fields"""
    reaches: bool = False
    """whether a text among the values of a dict that are not remembered is reaching (see `is_reaching`)"""
    suspects: Sequence[Value] = ()
    """texts that may be code among the values of a dict that are not remembered: one more than `MOST_SUSPECTS` at most"""
    places: bool = False
    """whether an item of a dict that is not remembered may be a place (see `is_place`)"""

    @property
    def frozen(self) -> bool:
        """Whether it became the state of an object, so that nothing may go into it any more.

        What is frozen is held as well, so that the machine has to look at one of the two only.
        """
        return self._frozen

    @frozen.setter
    def frozen(self, frozen: bool) -> None:
        self._frozen = frozen
        self.held = self.held or frozen

    def drop(self, value: Value) -> None:
        """Take one more item than is remembered."""
        self.more = self.dropped = True
        if type(value) is str and value:
            self.places = True
            self.reaches = self.reaches or is_reaching(value)
            if self.kind == "dict":
                self.suspect((value,))

    def suspect(self, values: Sequence[Value]) -> None:
        """Remember those of some texts that may be code."""
        room = MOST_SUSPECTS + 1 - len(self.suspects)
        if room > 0:
            found = [item for item in values if _may_be_code(item)]
            if found:
                self.suspects = [*self.suspects, *found[:room]]


class PlainList(Container):
    """A list."""

    kind = "list"


class PlainDict(Container):
    """A dict."""

    kind = "dict"


class PlainSet(Container):
    """A set or a frozenset."""

    kind = "set"


_CONTAINERS = frozenset({PlainList, PlainDict, PlainSet})


@dataclass(slots=True, eq=False)
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


UNARMED = frozenset({*CONSTANTS, tuple, BytesAt, TextAt, Instance, Persistent, Unknown})
"""types of values that are never armed; only tuples hold containers, and those are held already"""
LEAVES = UNARMED - {tuple}
"""types of values that are never armed and hold nothing that counts"""
_DATA = LEAVES - {Instance}
_FEW_ARGUMENTS = 4


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


def is_few_data(arguments: Value) -> bool:
    """Tell a few arguments that are data, or containers in which nothing is armed."""
    if type(arguments) is not tuple or len(arguments) > _FEW_ARGUMENTS:
        return False
    for item in arguments:
        if type(item) not in _DATA and (type(item) not in _CONTAINERS or item.armed):
            return False
    return True


def is_odd_key(key: Value) -> bool:
    """Tell a key that is computed, a dunder, or the name of a method that an unpickler calls."""
    if type(key) is str:
        return key[:2] == "__" or key in METHODS
    return type(key) not in CONSTANTS


def make_tuple(items: list[Value]) -> tuple[Value, ...]:
    """Return a tuple of the first items, and of the first armed one wherever it stands."""
    armed = _hold(items)
    kept = items[:KEPT_TUPLE]
    if armed is None:
        return tuple(kept)
    return ArmedTuple(kept if len(kept) == len(items) else [*kept, armed])


def keep(target: Container, items: list[Value]) -> None:
    """Put items into a container, which remembers the first ones and whether any is armed."""
    plain = UNARMED.issuperset(map(type, items))
    if not plain and _hold(items) is not None:
        target.armed = True
    known = target.items
    if not known and len(items) <= KEPT_ITEMS:
        target.items = items
        return
    room = KEPT_ITEMS - len(known)
    if room:
        target.items = [*known, *items[:room]]
    if len(items) <= room:
        return
    target.more = True
    fields: list[Value] = []
    if target.kind == "dict" and not CONSTANTS.issuperset(map(type, items)):
        for key, row in zip(items[room::2], items[room + 1 :: 2], strict=True):
            fields += [key, row] if type(key) is str and _is_field(row) else []
        if fields:
            target.fields = [*target.fields, *fields]
            target.armed = target.armed or len(target.fields) > 2 * _MOST_FIELDS
    target.dropped = target.dropped or len(fields) != len(items) - room
    if target.kind == "dict":
        texts = [row for row in items[room + 1 :: 2] if type(row) is str]
        if texts:
            pairs = zip(items[room::2], items[room + 1 :: 2], strict=False)
            target.places = target.places or any(itertools.starmap(is_place, pairs))
            target.reaches = target.reaches or any(map(is_reaching, texts))
        target.suspect(items[room + 1 :: 2])


def _may_be_code(value: Value) -> bool:
    return may_be_code(value) if type(value) is str else type(value) in {BytesAt, TextAt}


def _is_field(row: Value) -> bool:
    return isinstance(row, tuple) and bool(row) and isinstance(row[0], ArrayType)


def _hold(items: list[Value]) -> Value:
    """Mark the containers among the items as held; return the first armed item, or None."""
    first: Value = None
    for item in items:
        if type(item) in _CONTAINERS:
            item.held = True  # type: ignore[attr-defined]  # the type was looked up
            if item.armed and first is None:  # type: ignore[attr-defined]  # as above
                first = item
        elif first is None and is_armed(item):
            first = item
    return first


def hold_one(item: Value) -> bool:
    """Mark a container as held; tell whether the item is armed."""
    if isinstance(item, Container):
        item.held = True
        return item.armed
    return is_armed(item)


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
