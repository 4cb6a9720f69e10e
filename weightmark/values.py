"""The decorator of every dataclass of the house: the same classes, made in a fraction of the time.

`dataclasses` writes and compiles up to eight methods for each class at import; of a command that
ends in a tenth of a second, that was a third. Here only `__init__` is compiled, and only for a class of
which many values are made: most classes that a call imports make none or a few, and those are filled field
by field. `repr`, equality, hash and immutability are shared functions that read the fields. Fields, defaults,
slots, `replace` and `asdict` stay the library's own, and a type checker sees `dataclasses.dataclass`.

A verified value has a field `seal`, by which `__post_init__` knows that its own module makes it. It is
spent with that: the value does not keep it, so nobody takes it from one value for another, as
`dataclasses.replace` would.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

_SEAL = "seal"
_FEW = 12
"""values of one class that are made more quickly than an `__init__` is compiled"""


def _make(
    cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> Any:
    """Make a dataclass as `dataclasses.dataclass` would; `InitVar` and ordering are not supported."""

    def decorate(plain: type) -> type:
        made: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(plain)
        methods: dict[str, Any] = {"__init__": _first_call(made, frozen), "__repr__": _repr}
        if eq:
            methods |= {"__eq__": _equal, "__hash__": _hash if frozen else None}
        if frozen:
            methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        if frozen and slots:
            methods |= {"__getstate__": _state, "__setstate__": _restore}
        _add(made, methods)
        return made

    return decorate if cls is None else decorate(cls)


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _make


def _add(cls: type, methods: dict[str, Any]) -> None:
    """Set what the class does not define itself."""
    own = vars(cls)
    for name, method in methods.items():
        # a class that defines `__eq__` gets `__hash__ = None` from Python, which is no choice of its own
        chosen = name in own and not (name == "__hash__" and own[name] is None)
        if not chosen:
            setattr(cls, name, method)


def _first_call(cls: Any, frozen: bool) -> Callable[..., None]:
    """Return an `__init__` for a few values, which then takes the place of itself by the compiled one."""
    made = 0

    def initialize(self: Any, *values: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        if made <= _FEW and _filled(cls, self, values, named):
            return
        # also where the arguments do not fit: the compiled one says why
        compiled = _initializer(cls, frozen)
        cls.__init__ = compiled
        compiled(self, *values, **named)

    return initialize


def _filled(cls: Any, value: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Set the fields of `cls` as an `__init__` would; False where the arguments do not fit."""
    held = _held(dataclasses.fields(cls), positional, named)
    if held is None:
        return False
    for name, one in held.items():
        object.__setattr__(value, name, one)
    if hasattr(value, "__post_init__"):
        value.__post_init__()
    if _SEAL in held:
        object.__setattr__(value, _SEAL, None)
    return True


def _held(
    fields: tuple[Any, ...], positional: tuple[Any, ...], named: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what each field holds; None where the arguments are not those of the fields."""
    names = [field.name for field in fields if field.init and not field.kw_only]
    given = dict(zip(names, positional, strict=False))
    if len(positional) > len(names) or not given.keys().isdisjoint(named):
        return None
    given |= named
    held = {}
    for field in fields:
        if field.init and field.name in given:
            held[field.name] = given.pop(field.name)
        elif field.default is not dataclasses.MISSING:
            held[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            held[field.name] = field.default_factory()
        elif field.init:
            return None
    return None if given else held


def _initializer(cls: type, frozen: bool) -> Callable[..., None]:
    """Compile `__init__` from the fields."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    positional, keyword, lines = ["self"], ["*"], []
    for field in dataclasses.fields(cls):
        name = field.name
        value = name
        if field.default_factory is not dataclasses.MISSING:
            names[f"_new_{name}"] = field.default_factory
            default = "=_missing"
            value = (
                f"_new_{name}() if {name} is _missing else {name}"
                if field.init
                else f"_new_{name}()"
            )
        elif field.default is not dataclasses.MISSING:
            names[f"_default_{name}"] = field.default
            default = f"=_default_{name}"
            value = name if field.init else f"_default_{name}"
        elif not field.init:
            continue
        else:
            default = ""
        if field.init:
            (keyword if field.kw_only else positional).append(f"{name}{default}")
        lines.append(f"_set(self, '{name}', {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    if any(field.name == _SEAL for field in dataclasses.fields(cls)):
        lines.append(f"_set(self, '{_SEAL}', None)")
    parameters = positional + (keyword if len(keyword) > 1 else [])
    body = "\n ".join(lines or ["pass"])
    made: dict[str, Any] = {}
    # the source is made of field names and nothing else, as in `dataclasses`
    exec(f"def __init__({', '.join(parameters)}):\n {body}", names, made)  # noqa: S102 - see above
    initializer: Callable[..., None] = made["__init__"]
    initializer.__qualname__ = f"{cls.__qualname__}.__init__"
    return initializer


@cache
def _compared(cls: type) -> Callable[[Any], object]:
    names = [field.name for field in dataclasses.fields(cls) if field.compare]
    return attrgetter(*names) if names else lambda _: ()


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    compared = _compared(self.__class__)
    return compared(self) == compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self.__class__)(self))


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{self.__class__.__qualname__}({values})"


def _refuse_to_set(_: object, name: str, __: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
