"""Checks of arguments and state: what may be handed to an allowed function or object."""

from weightmark.scanners.allow.names import Permission
from weightmark.scanners.pickles.values import (
    CONSTANTS,
    HOOKS,
    BytesAt,
    Call,
    Container,
    Global,
    Instance,
    Persistent,
    TextAt,
    Value,
    is_armed,
)

__all__ = [
    "freeze",
    "gets_own_method",
    "gives_attributes",
    "gives_own_type",
    "has_new",
    "has_odd_key",
    "is_block",
    "is_codec_call",
    "is_inert",
    "is_no_text",
    "is_one_dict",
    "is_plain",
    "is_ratio",
    "is_sized",
    "is_state",
    "names_classes",
    "names_code",
    "names_factory",
    "names_generator",
    "reconstructs",
    "sets_state",
    "stores",
]

_SLOT_STATE = 2
"""values in state that has attributes in a dict and in slots"""
_MOST_ZEROS = 1 << 20
_CODECS = frozenset({"latin1", "latin-1", "utf-8", "utf8", "ascii"})
_CODEC_ARGUMENTS = 3
_RECONSTRUCTOR_ARGUMENTS = 3


def is_codec_call(arguments: tuple[Value, ...]) -> bool:
    """Allow a text, and a codec whose every character means one thing, strict."""
    if not 1 <= len(arguments) <= _CODEC_ARGUMENTS or not isinstance(arguments[0], (str, TextAt)):
        return False
    codec = arguments[1] if len(arguments) > 1 else "utf-8"
    errors = arguments[2:]
    return isinstance(codec, str) and codec.lower() in _CODECS and errors in ((), ("strict",))


def has_new(value: Value) -> bool:
    """Tell a class of which a pickle may make instances."""
    return isinstance(value, Global) and value.permission.new


def is_inert(arguments: Value) -> bool:
    """Tell arguments of which none is armed and none has attributes that the pickle gave it."""
    if not isinstance(arguments, tuple):
        return False
    if CONSTANTS.issuperset(map(type, arguments)):
        return True
    if any(map(is_armed, arguments)):
        return False
    return not any(isinstance(item, (Call, Instance)) and item.carries for item in arguments)


def is_block(arguments: tuple[Value, ...]) -> bool:
    """Allow an array of pandas first, which may have attributes, and inert values behind it.

    Nothing looks up a method on the array's own attributes while a block is made from it.
    """
    first = arguments[0] if arguments else None
    if isinstance(first, Instance) and first.of is not None:
        package = first.of.module.partition(".")[0]
        if package == "pandas" and first.of.permission.new:
            return is_inert(arguments[1:])
    return is_inert(arguments)


def is_plain(value: Value) -> bool:
    """Tell constants, encoded bytes, and containers in which nothing is armed."""
    if isinstance(value, Call):
        return bool(value.codec)
    return not isinstance(value, (Global, Instance, Persistent)) and not is_armed(value)


def is_no_text(value: Value) -> bool:
    """Tell what can never be a text, whatever making it did; calling or making a `str` can."""
    if isinstance(value, Instance):
        return value.of is not None and (value.of.module, value.of.name) != ("builtins", "str")
    return value is None or isinstance(value, (BytesAt, Container, Global, int, float, tuple))


def is_sized(arguments: tuple[Value, ...]) -> bool:
    """Allow plain data, and no number that asks for so many zeros that memory ends."""
    return all(is_plain(item) for item in arguments) and not any(
        isinstance(item, int) and item > _MOST_ZEROS for item in arguments
    )


def is_ratio(arguments: tuple[Value, ...]) -> bool:
    """Allow plain numbers, and text without an exponent, which would be written out in digits."""
    texts = [item for item in arguments if isinstance(item, str)]
    return all(is_plain(item) for item in arguments) and not any(
        set(text) - set("-/.0123456789_ ") for text in texts
    )


def names_code(state: Value) -> bool:
    """Tell state with text that is code, or names some, under a key that loaders of models read."""
    parts = state if isinstance(state, tuple) else (state,)
    return any(isinstance(part, Container) and part.code for part in parts)


def names_classes(arguments: tuple[Value, ...]) -> bool:
    """Allow a class and its bases, and inert values for the rest."""
    if not arguments or not has_new(arguments[0]):
        return False
    rest = tuple(item for item in arguments if not isinstance(item, Global))
    return is_inert(rest) and all(has_new(i) for i in arguments if isinstance(i, Global))


def names_generator(arguments: tuple[Value, ...]) -> bool:
    """Allow a text, a class or an object of numpy's generators, and then its constructors."""
    first = arguments[0] if arguments else ""
    of = first.of if isinstance(first, (Call, Instance)) else first
    named = isinstance(first, str) or (isinstance(of, Global) and _is_random(of))
    constructors = arguments[1:]
    return named and all(
        isinstance(item, Global) and item.module == "numpy.random._pickle" and _is_random(item)
        for item in constructors
    )


def _is_random(named: Global) -> bool:
    allowed = named.permission.new or bool(named.permission.call)
    return allowed and named.module.startswith("numpy.random.")


def names_factory(arguments: tuple[Value, ...]) -> bool:
    """Allow None or a function that is harmless without arguments, and plain data behind it.

    A partial function counts once its state is set: until then that could still change it.
    """
    if not arguments:
        return True
    first = arguments[0]
    named = isinstance(first, Global) and (first.harmless or first.permission.call == "factory")
    if isinstance(first, Call) and first.of is not None:
        named = first.of.permission.call == "function-first" and first.built and not first.armed
    return (first is None or named) and all(map(is_plain, arguments[1:]))


def reconstructs(arguments: tuple[Value, ...]) -> bool:
    """Allow `(class, base, state)`: an allowed class, a built-in base, and plain data."""
    if len(arguments) != _RECONSTRUCTOR_ARGUMENTS or not (
        has_new(arguments[0]) and has_new(arguments[1])
    ):
        return False
    base = arguments[1]
    return isinstance(base, Global) and base.module == "builtins" and is_plain(arguments[2])


def sets_state(arguments: tuple[Value, ...]) -> bool:
    """Allow inert arguments, and attributes as the last one."""
    if not arguments or has_odd_key(arguments[-1]):
        return False
    return is_inert(arguments[:-1]) and is_state(arguments[-1])


def stores(allowed: Permission, operation: str) -> bool:
    """Tell whether a result or instance takes items in this way."""
    return {"add": allowed.add, "append": allowed.append, "items": allowed.items}[operation]


def gets_own_method(function: Global, arguments: Value) -> bool:
    """Tell `getattr(object, name)` of a method that was reviewed, and that no attribute hides.

    Libraries save a bound method in this way.
    """
    if (function.module, function.name) != ("builtins", "getattr"):
        return False
    match arguments:
        case ((Call(of=Global() as cls) | Instance(of=Global() as cls)) as target, str() as name):
            return name in cls.permission.methods and not _may_hide(target, name)
    return False


def _may_hide(target: Call | Instance, name: str) -> bool:
    """Tell an object whose attributes may hold the name; a state with a hook of its own was refused."""
    if not target.built or not target.carries or name in HOOKS:
        return False
    state = target.attributes
    if not isinstance(state, Container) or state.kind != "dict" or state.more:
        return True
    keys = state.items[::2]
    return name in keys or any(type(key) is not str for key in keys)


def gives_own_type(function: Global, arguments: Value) -> bool:
    """Tell `type(None)` and the like: a type that has one value and no name to import it by."""
    if (function.module, function.name) != ("builtins", "type"):
        return False
    match arguments:
        case (None,):
            return True
        case (Global(module="builtins", name="Ellipsis" | "NotImplemented"),):
            return True
    return False


def is_one_dict(state: Value) -> bool:
    """Tell a dict of the pickle's own that holds no code but what the library would write.

    A tuple of pairs would update an object's attributes as well, past any look at its keys.
    """
    return isinstance(state, Container) and state.kind == "dict" and not state.code


def has_odd_key(state: Value) -> bool:
    """Tell state of which a key would become a dunder or hide a method."""
    parts = state if isinstance(state, tuple) else (state,)
    return any(isinstance(part, Container) and part.dunder for part in parts)


def is_state(state: Value) -> bool:
    """Tell state that gives an object nothing but unarmed attributes of plain names."""
    if isinstance(state, tuple):
        slots = len(state) == _SLOT_STATE
        return not is_armed(state) and not any(_is_odd_part(part, slots=slots) for part in state)
    if isinstance(state, Container):
        return state.kind == "dict" and not state.armed and not state.dunder
    return is_plain(state)


def _is_odd_part(part: Value, *, slots: bool) -> bool:
    if isinstance(part, Container):
        return part.dunder or (slots and part.kind != "dict")
    if not slots or not isinstance(part, (Call, Instance)) or part.of is None:
        return False
    return part.of.permission.items or part.of.permission.unlisted


def gives_attributes(state: Value) -> bool:
    """Tell state that may become attributes: no bytes, and no tuple that is read by its places."""
    if isinstance(state, tuple):
        return len(state) == _SLOT_STATE
    return not (isinstance(state, BytesAt) or (isinstance(state, Call) and bool(state.codec)))


def freeze(state: Value) -> None:
    """Let nothing go into containers any more that may have become an object's own dict."""
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, Container):
            part.frozen = True
