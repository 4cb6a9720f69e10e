"""Classes of which nothing is known, and what an object of theirs may be made from.

Making an object from plain data calls nothing but the class's own `__new__`, `__setstate__` and `__setitem__`, and
its `__del__` when it goes away; so nothing among the data may name a place (`reaching`). A class that is on
no list and belongs to no package that acts is far more often somebody's own model than a way to code, so that
this is a lesser finding than a call (ADR 9).
"""

import re

from weightmark.scanners.pickles.checks import has_new, has_odd_key, is_plain, is_state
from weightmark.scanners.pickles.values import (
    CONSTANTS,
    WATCHED,
    Global,
    Instance,
    PlainDict,
    Value,
    is_armed,
    is_odd_key,
)

__all__ = [
    "binds_method",
    "is_bystander",
    "own_names",
    "reconstructs_bystander",
    "takes_items",
    "takes_state",
]

_WORD = re.compile(r"\w[\w .-]{0,99}", re.ASCII)
"""a text that no parser of expressions, paths or addresses takes for more than a word"""
_MOST_ARGUMENTS = 64


def is_bystander(cls: Global, arguments: Value) -> bool:
    """Tell an unlisted class, of which an object is made without arguments or from numbers and words."""
    if not cls.permission.bystander or not isinstance(arguments, tuple):
        return False
    return len(arguments) <= _MOST_ARGUMENTS and all(map(_is_word, arguments))


def _is_word(value: Value) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    return type(value) in CONSTANTS


def binds_method(function: Global, arguments: Value) -> Global | None:
    """Return the unlisted class of `getattr(object, name)` if the object has no attributes yet, or None.

    That is how a method is saved that an object keeps in its own attributes. It gives no more than the object
    itself, which may be callable as well.
    """
    if (function.module, function.name) != ("builtins", "getattr"):
        return None
    match arguments:
        case (Instance(of=Global() as cls, built=False), str() as name) if (
            cls.permission.bystander
            and name.isidentifier()
            and name[:2] != "__"
            and name not in WATCHED
        ):
            return cls
    return None


def reconstructs_bystander(function: Global, arguments: Value) -> Global | None:
    """Return the unlisted class of `(class, base, state)`, the form of the oldest protocols, or None."""
    if function.permission.call != "reconstructor":
        return None
    match arguments:
        case (Global() as cls, Global(module="builtins") as base, state) if (
            cls.permission.bystander and has_new(base) and is_plain(state)
        ):
            return cls
    return None


def takes_state(target: Value, state: Value) -> bool:
    """Tell an object of an unlisted class that is given plain attributes, for the first time.

    Functions and classes of its own package may stand among them: its class can call those anyway.
    """
    if not isinstance(target, Instance) or target.of is None or not target.of.permission.bystander:
        return False
    if target.built or has_odd_key(state):
        return False
    return is_state(state) or bool(own_names(target.of, state))


def own_names(cls: Global, state: Value) -> tuple[Global, ...]:
    """Return the names of the class's own package in its attributes, if nothing else in there is armed."""
    if not isinstance(state, PlainDict) or state.more:
        return ()
    armed = [item for item in state.items if is_armed(item)]
    package = cls.module.partition(".")[0]
    own = [item for item in armed if isinstance(item, Global) and item.permission.bystander]
    if len(own) != len(armed) or any(item.module.partition(".")[0] != package for item in own):
        return ()
    return tuple(own)


def takes_items(target: Value, operation: str, items: list[Value]) -> bool:
    """Tell an object of an unlisted class into which unarmed items go before its state is set."""
    if not isinstance(target, Instance) or target.of is None or not target.of.permission.bystander:
        return False
    if target.built or any(map(is_armed, items)):
        return False
    return operation != "items" or not any(map(is_odd_key, items[::2]))
