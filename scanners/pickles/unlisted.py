"""Classes that are on no list, and what an object of theirs may be made from.

Making an object from plain data calls nothing but the class's own `__new__`, `__setstate__` and `__setitem__`, and
its `__del__` when it goes away; so nothing among the data may name a place (`reaching`). A class that is on
no list and belongs to no package that acts is far more often somebody's own model than a way to code, so that
this is a lesser finding than a call (ADR 9). Of a class that the survey of sources has cleared more is known: it may
be called as well, if calling it only computes and keeps (ADR 10).
"""

import re

from weightmark.patterns import lazy_pattern
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.allow.names import Grade
from weightmark.scanners.pickles.checks import has_new, has_odd_key, is_inert, is_plain, is_state
from weightmark.scanners.pickles.reaching import names_place, reaches_out
from weightmark.scanners.pickles.values import (
    CONSTANTS,
    WATCHED,
    Call,
    Container,
    Global,
    Instance,
    PlainDict,
    PlainList,
    Value,
    is_armed,
    is_odd_key,
)

__all__ = [
    "binds_method",
    "calls_enum",
    "calls_unlisted",
    "is_unlisted",
    "own_names",
    "reconstructs_unlisted",
    "takes_items",
    "takes_state",
]

_WORD = lazy_pattern(r"\w[\w .-]{0,99}", re.ASCII)
"""a text that no parser of expressions, paths or addresses takes for more than a word"""
_CLASS = lazy_pattern(r"_?[A-Z]\w*", re.ASCII)
_MEMBER = lazy_pattern(r"\w(?:[\w-]{0,30}\w)?", re.ASCII)
_MOST_ARGUMENTS = 64
_DEEPEST = 4
_PAIR = 2
_MOST_WALKED = 2000
_TENSORS = frozenset({"numpy", "torch"})
_ARRAYS = frozenset({"numpy.core.multiarray", "numpy._core.multiarray"})


def is_unlisted(cls: Global, arguments: Value) -> bool:
    """Tell an unlisted class, of which an object is made without arguments or from numbers, words and arrays."""
    if not cls.permission.unlisted or not isinstance(arguments, tuple):
        return False
    return len(arguments) <= _MOST_ARGUMENTS and all(_is_simple(item, 0) for item in arguments)


def _is_simple(value: Value, depth: int) -> bool:
    """Tell a number, a word, an array, or a few of them in a list, into which nothing goes any more."""
    if depth > _DEEPEST:
        return False
    match value:
        case Call(of=Global() as of) | Instance(of=Global() as of):
            return (
                of.module.partition(".")[0] in _TENSORS
                and is_inert((value,))
                and _is_reviewed(value)
            )
        case PlainList():
            if value.more or value.armed:
                return False
            value.frozen = True
            return all(_is_simple(item, depth + 1) for item in value.items)
        case tuple():
            return all(_is_simple(item, depth + 1) for item in value)
    return _is_word(value)


def _is_word(value: Value) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    return type(value) in CONSTANTS


def calls_enum(function: Global, arguments: Value) -> bool:
    """Tell a class on no list that is called with one whole number or one name, as a member of an enum is saved.

    Its object may be neither given a state nor items, nor be called. Of a class that the survey cleared is known
    whether calling it reaches anything, so that this is not for those.
    """
    allowed = function.permission
    if not allowed.unlisted or allowed.cleared or _CLASS.fullmatch(function.name) is None:
        return False
    match arguments:
        case (bool(),):
            return False
        case (int(),):
            return True
        case (str() as name,):
            return _MEMBER.fullmatch(name) is not None
    return False


def calls_unlisted(function: Global, arguments: Value, view: ByteView) -> bool:
    """Tell a call of a class that the survey cleared, with nothing but plain data.

    An object among them must be of a reviewed class: a constructor may call methods of what it is given, and of
    other classes only what loading runs was surveyed.
    """
    if not function.permission.makes or not isinstance(arguments, tuple):
        return False
    return is_inert(arguments) and _is_known(arguments) and not reaches_out(arguments, view)


def _is_known(arguments: tuple[Value, ...]) -> bool:
    """Tell data in which every object, however deep, is of a reviewed class; what is not remembered counts as none."""
    waiting: list[tuple[Value, int]] = [(arguments, 0)]
    walked = 0
    while waiting:
        value, depth = waiting.pop()
        walked += 1
        if walked > _MOST_WALKED or depth > _DEEPEST:
            return False
        if isinstance(value, Container):
            if value.more:
                return False
            waiting += [(item, depth + 1) for item in value.items]
        elif isinstance(value, tuple):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, (Call, Instance)) and not _is_reviewed(value):
            return False
    return True


def _is_reviewed(value: Call | Instance) -> bool:
    if value.of is None:
        return isinstance(value, Call) and bool(value.codec)
    return value.of.permission.grade in (Grade.SAFE, Grade.KNOWN)


def binds_method(function: Global, arguments: Value) -> Global | None:
    """Return the unlisted class of `getattr(object, name)` if the object has no attributes yet, or None.

    That is how a method is saved that an object keeps in its own attributes. It gives no more than the object
    itself, which may be callable as well.
    """
    if (function.module, function.name) != ("builtins", "getattr"):
        return None
    match arguments:
        case (Instance(of=Global() as cls, built=False), str() as name) if (
            cls.permission.unlisted
            and name.isidentifier()
            and name[:2] != "__"
            and name not in WATCHED
        ):
            return cls
    return None


def reconstructs_unlisted(function: Global, arguments: Value) -> Global | None:
    """Return the unlisted class of which an object is made by its base, or None.

    That is `(class, base, state)`, the form of the oldest protocols, and `(class, shape, type)`, by which numpy
    makes an empty array of a subclass.
    """
    match arguments:
        case (Global() as cls, Global(module="builtins") as base, state) if (
            function.permission.call == "reconstructor"
            and cls.permission.unlisted
            and has_new(base)
            and is_plain(state)
        ):
            return cls
        case (Global() as cls, (*shape,), kind) if (
            (function.name == "_reconstruct" and function.module in _ARRAYS)
            and cls.permission.unlisted
            and CONSTANTS.issuperset(map(type, shape))
            and is_inert((kind,))
        ):
            return cls
    return None


def takes_state(target: Value, state: Value, view: ByteView) -> bool:
    """Tell an object of an unlisted class that is given plain attributes, for the first time, and no place.

    Functions and classes of its own package may stand among them: its class can call those anyway.
    """
    if not isinstance(target, Instance) or target.of is None or not target.of.permission.unlisted:
        return False
    if target.built or has_odd_key(state):
        return False
    unknown = not target.of.permission.cleared
    if (unknown and names_place(state)) or reaches_out(state, view, code=unknown):
        return False
    return is_state(state) or _is_fields(state) or bool(own_names(target.of, state))


def _is_fields(state: Value) -> bool:
    """Tell the values of a frozen dataclass with slots, in a list; no pair, which a loader may take for an attribute."""
    if not isinstance(state, PlainList) or state.more or state.armed:
        return False
    return not any(_is_pair(item) for item in state.items)


def _is_pair(item: Value) -> bool:
    """Tell a container or a tuple of two; nothing may go into a container any more."""
    if isinstance(item, Container):
        item.frozen = True
        return len(item.items) == (_PAIR * 2 if item.kind == "dict" else _PAIR)
    return isinstance(item, tuple) and len(item) == _PAIR


def own_names(cls: Global, state: Value) -> tuple[Global, ...]:
    """Return the names of the class's own package in its attributes, if nothing else in there is armed."""
    if not isinstance(state, PlainDict) or state.more:
        return ()
    armed = [item for item in state.items if is_armed(item)]
    package = cls.module.partition(".")[0]
    own = [item for item in armed if isinstance(item, Global) and item.permission.unlisted]
    if len(own) != len(armed) or any(item.module.partition(".")[0] != package for item in own):
        return ()
    return tuple(own)


def takes_items(target: Value, operation: str, items: list[Value], view: ByteView) -> bool:
    """Tell an object of an unlisted class into which unarmed items go before its state is set.

    A mapping that was made from a text may be one that writes its items to a file of that name.
    """
    if not isinstance(target, Instance) or target.of is None or not target.of.permission.unlisted:
        return False
    unknown = not target.of.permission.cleared
    if target.built or any(map(is_armed, items)) or reaches_out(tuple(items), view, code=unknown):
        return False
    if unknown and target.named and operation == "items":
        return False
    return operation != "items" or not any(map(is_odd_key, items[::2]))
