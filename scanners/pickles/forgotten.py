"""Stand-ins for plain containers of a large pickle, which remember that something was in them."""

from weightmark.scanners.pickles.values import (
    Container,
    PlainDict,
    PlainList,
    PlainSet,
    Unknown,
    Value,
)

__all__ = ["FORGOTTEN", "forgotten"]

_KINDS = (PlainDict, PlainList, PlainSet)


def _stand_in(kind: type[Container], *, empty: bool) -> Container:
    """Return a container that takes nothing, and of which nothing is known but whether it is empty."""
    value = kind()
    value.held = value.frozen = True
    if not empty:
        origin = Unknown("item of a container that was left out")
        value.items = (origin, None) if kind is PlainDict else (origin,)
        value.more = value.dropped = True
    return value


_FULL: dict[type[Value], Container] = {kind: _stand_in(kind, empty=False) for kind in _KINDS}
_EMPTY: dict[type[Value], Container] = {kind: _stand_in(kind, empty=True) for kind in _KINDS}
FORGOTTEN = frozenset(map(id, (*_FULL.values(), *_EMPTY.values())))
"""identities of the stand-ins"""


def forgotten(value: Value) -> Container | None:
    """Return what stands for a container of which no judgement asks for the items; None for others."""
    if type(value) not in _FULL or not isinstance(value, Container):
        return None
    if value.armed or value.dunder or value.code or value.fields:
        return None
    return (_FULL if value.items else _EMPTY)[type(value)]
