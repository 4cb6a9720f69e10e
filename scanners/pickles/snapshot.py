"""What another loader's reading of the same bytes takes over, and what it must not change."""

from collections.abc import Iterable
from typing import Any

from weightmark.scanners.allow.names import Grade
from weightmark.scanners.pickles.values import (
    ArrayType,
    ArrowType,
    Call,
    Global,
    Instance,
    PlainDict,
    PlainList,
    PlainSet,
    Value,
    is_armed,
)

__all__ = ["Snapshot", "WatchedMemo", "is_unknown"]

_OF_CONTAINERS = (
    "items",
    "more",
    "dunder",
    "armed",
    "held",
    "frozen",
    "code",
    "fields",
    "dropped",
)
_CHANGING: dict[type, tuple[str, ...]] = {
    ArrayType: ("built", "carries", "armed", "state"),
    ArrowType: ("built", "carries", "armed"),
    Call: ("built", "carries", "armed"),
    Global: ("called", "reported"),
    Instance: ("built", "carries", "odd"),
    PlainDict: _OF_CONTAINERS,
    PlainList: _OF_CONTAINERS,
    PlainSet: _OF_CONTAINERS,
}


class Snapshot:
    """What can change of some values, and of those that stand in their tuples."""

    __slots__ = ("_kept",)

    def __init__(self, values: Iterable[Value]) -> None:
        """Keep the values' changing parts."""
        self._kept: list[tuple[Value, str, Value]] = []
        seen: set[int] = set()
        for value in values:
            for part in (value, *value) if isinstance(value, tuple) else (value,):
                if type(part) in _CHANGING and id(part) not in seen:
                    seen.add(id(part))
                    self._keep(part)

    def restore(self) -> None:
        """Undo every change since."""
        for value, name, kept in self._kept:
            setattr(value, name, kept)

    def _keep(self, value: Value) -> None:
        self._kept += [(value, name, getattr(value, name)) for name in _CHANGING[type(value)]]
        if isinstance(value, (Call, Instance)) and value.of is not None:
            self._keep(value.of)


class WatchedMemo(list[Value]):
    """A copy of a memo, which tells whether something unknown was taken from it."""

    __slots__ = ("touched",)

    def __init__(self, values: Iterable[Value]) -> None:
        """Copy the values."""
        super().__init__(values)
        self.touched = False

    def __getitem__(self, index: Any) -> Any:
        """Return an entry."""
        value = super().__getitem__(index)
        if is_unknown(value):
            self.touched = True
        return value


def is_unknown(value: Value) -> bool:
    """Tell a name on no list, and what is armed with anything."""
    if isinstance(value, Global):
        return value.permission.grade in (Grade.UNKNOWN, Grade.DANGEROUS)
    return is_armed(value)
