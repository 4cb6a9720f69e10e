"""The pickle of a checkpoint, read as data: dicts, lists, numbers, texts and tensors, nothing else.

An opcode or a name that plain tensors do not need stops the reading. So nothing is judged here and
nothing is imported or called: what remains can only be data.
"""

from dataclasses import field
from struct import unpack
from typing import Any, Final

from weightmark.errors import LimitError, MalformedError, UncheckedError, UnsupportedError
from weightmark.scanners.pickles import opcodes as op
from weightmark.values import dataclass

__all__ = ["Name", "PlainPickle", "Rebuilt", "StorageId", "read_plain_pickle"]

_MOST_VALUES = 5_000_000
_LONGEST_LINE = 4096
_LONGEST_KEY = 4096
_STORAGE_FIELDS = (5, 6)
_ORDERED_DICT = ("collections", "OrderedDict")
_REBUILD = frozenset(
    ("torch._utils", name)
    for name in (
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
        "_rebuild_tensor",
        "_rebuild_tensor_v2",
        "_rebuild_tensor_v3",
    )
)
_CONSTANTS: Final = {op.NONE: None, op.NEWTRUE: True, op.NEWFALSE: False}
_NUMBERS: Final = {op.BININT: "<i", op.BININT1: "<B", op.BININT2: "<H", op.BINFLOAT: ">d"}
_TEXT_LENGTHS: Final = {
    op.SHORT_BINUNICODE: 1,
    op.BINUNICODE: 4,
    op.BINUNICODE8: 8,
    op.SHORT_BINSTRING: 1,
    op.BINSTRING: 4,
}
_TUPLES: Final = {op.EMPTY_TUPLE: 0, op.TUPLE1: 1, op.TUPLE2: 2, op.TUPLE3: 3}


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the pickle mentions; it stands for itself."""

    module: str
    """the module"""
    name: str
    """the name inside it"""


@dataclass(frozen=True, slots=True)
class StorageId:
    """A persistent id of a storage: `("storage", type, key, location, items)`, and perhaps a view."""

    fields: tuple[Any, ...]
    """five or six, of the types that torch writes"""

    @classmethod
    def of(cls, value: object) -> "StorageId | None":
        """Return the id that a value is; None for one of another form."""
        if not isinstance(value, tuple) or len(value) not in _STORAGE_FIELDS:
            return None
        word, kind, key, place, items = value[:5]
        if word != "storage" or not isinstance(kind, Name):
            return None
        if not isinstance(key, str) or not isinstance(place, str) or type(items) is not int:
            return None
        return cls(value)

    @property
    def key(self) -> str:
        """Which storage it is."""
        return str(self.fields[2])

    @property
    def kind_and_items(self) -> tuple[Name, int]:
        """Type of its items, and how many there are."""
        return self.fields[1], self.fields[4]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A tensor that torch would make from these arguments."""

    function: str
    """the name in `torch._utils`"""
    arguments: tuple[Any, ...]
    """as they stand"""


@dataclass(frozen=True, slots=True)
class PlainPickle:
    """One pickle and where it ended."""

    value: Any
    """what it stands for"""
    end: int
    """the offset after `STOP`"""


def read_plain_pickle(data: bytes, start: int = 0) -> PlainPickle:
    """Read the pickle at `start`.

    Raises `UnsupportedError` for whatever is no plain data, `UncheckedError` for a pickle that
    breaks off, and `LimitError` for too many values.
    """
    reader = _Reader(data, start)
    try:
        return PlainPickle(reader.read(), reader.at)
    except (IndexError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise UncheckedError(
            "the pickle of the checkpoint can't be read to its end",
            why=f"it breaks off at byte {reader.at}",
        ) from error


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int
    stack: list[Any] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    storages: dict[str, tuple[Name, int]] = field(default_factory=dict)
    count: int = 0

    def read(self) -> Any:
        while True:
            code = self._take(1)[0]
            self.count += 1
            if self.count > _MOST_VALUES:
                raise LimitError(f"the pickle of the checkpoint has over {_MOST_VALUES} opcodes")
            if code == op.STOP:
                return self.stack.pop()
            if not (
                self._scalar(code)
                or self._memory(code)
                or self._container(code)
                or self._named(code)
            ):
                raise _refused(
                    f"the opcode 0x{code:02x} at byte {self.at - 1} is not needed for tensors"
                )

    def _take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise IndexError(count)
        self.at += count
        return part

    def _line(self) -> str:
        end = self.data.index(b"\n", self.at, self.at + _LONGEST_LINE)
        line = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return line

    def _scalar(self, code: int) -> bool:
        if code in _CONSTANTS:
            self.stack.append(_CONSTANTS[code])
        elif code in _NUMBERS:
            form = _NUMBERS[code]
            size = {"<i": 4, "<B": 1, "<H": 2, ">d": 8}[form]
            self.stack.append(unpack(form, self._take(size))[0])
        elif code == op.LONG1:
            self.stack.append(int.from_bytes(self._take(self._take(1)[0]), "little", signed=True))
        elif code in _TEXT_LENGTHS:
            length = int.from_bytes(self._take(_TEXT_LENGTHS[code]), "little")
            self.stack.append(self._take(length).decode("utf-8"))
        elif code == op.PROTO:
            self._take(1)
        elif code == op.FRAME:
            self._take(8)
        else:
            return False
        return True

    def _memory(self, code: int) -> bool:
        memo, stack = self.memo, self.stack
        if code == op.BINPUT:
            memo[self._take(1)[0]] = stack[-1]
        elif code == op.LONG_BINPUT:
            memo[int.from_bytes(self._take(4), "little")] = stack[-1]
        elif code == op.MEMOIZE:
            memo[len(memo)] = stack[-1]
        elif code in (op.BINGET, op.LONG_BINGET):
            index = int.from_bytes(self._take(1 if code == op.BINGET else 4), "little")
            if index not in memo:
                raise IndexError(index)
            stack.append(memo[index])
        else:
            return False
        return True

    def _container(self, code: int) -> bool:
        if code == op.MARK:
            self.marks.append(self.stack)
            self.stack = []
        elif code in _TUPLES:
            self._tuple(_TUPLES[code])
        elif code == op.TUPLE:
            items = self._unmark()
            self.stack.append(tuple(items))
        elif code in (op.EMPTY_DICT, op.EMPTY_LIST):
            self.stack.append({} if code == op.EMPTY_DICT else [])
        elif code in (op.SETITEM, op.SETITEMS):
            self._set(self._items(2) if code == op.SETITEM else self._unmark())
        elif code in (op.APPEND, op.APPENDS):
            items = self._items(1) if code == op.APPEND else self._unmark()
            if type(self.stack[-1]) is not list:
                raise _refused(f"items are appended to no list at byte {self.at - 1}")
            self.stack[-1].extend(items)
        else:
            return False
        return True

    def _named(self, code: int) -> bool:
        stack = self.stack
        if code == op.GLOBAL:
            stack.append(Name(self._line(), self._line()))
        elif code == op.STACK_GLOBAL:
            module, name = self._items(2)
            if not isinstance(module, str) or not isinstance(name, str):
                raise _refused(f"a name is computed at byte {self.at - 1}")
            stack.append(Name(module, name))
        elif code == op.BINPERSID:
            stack.append(self._storage(stack.pop()))
        elif code == op.REDUCE:
            function, arguments = self._items(2)
            stack.append(self._reduced(function, arguments))
        elif code == op.BUILD:
            self._state(stack.pop())
        else:
            return False
        return True

    def _storage(self, value: object) -> StorageId:
        """Return a storage; each key has one type and one length, because torch takes the first it meets."""
        found = StorageId.of(value)
        if found is None:
            raise _refused(f"a persistent id at byte {self.at - 1} names no storage")
        if self.storages.setdefault(found.key, found.kind_and_items) != found.kind_and_items:
            raise MalformedError(
                f"the storage `{found.key[:200]}` has two types or two lengths",
                why="who loads the checkpoint would take one of them for both",
            )
        return found

    def _reduced(self, function: object, arguments: object) -> Any:
        if isinstance(function, Name) and isinstance(arguments, tuple):
            pair = (function.module, function.name)
            if pair == _ORDERED_DICT and not arguments:
                return {}
            if pair == _ORDERED_DICT and len(arguments) == 1:
                return _from_pairs(arguments[0], self.at - 1)
            if pair in _REBUILD:
                return Rebuilt(function.name, arguments)
        shown = (
            f"`{function.module}.{function.name}`" if isinstance(function, Name) else "something"
        )
        raise _refused(f"it calls {shown} at byte {self.at - 1}")

    def _state(self, state: object) -> None:
        """Accept the `_metadata` that torch gives to a state dict; it holds versions of modules."""
        if not isinstance(self.stack[-1], dict) or not isinstance(state, dict):
            raise _refused(f"the state of an object is set at byte {self.at - 1}")
        if set(state) - {"_metadata"}:
            raise _refused(f"attributes are set at byte {self.at - 1}")

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise _refused(f"items are set in no dict at byte {self.at - 1}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int | float | bool):
                raise _refused(f"a key at byte {self.at - 1} is no text and no number")
            if isinstance(key, str) and len(key) > _LONGEST_KEY:
                raise LimitError(f"a key of the checkpoint has over {_LONGEST_KEY} characters")
            if key in target:
                raise _refused(f"the key `{key}`"[:200] + " is set twice")
            target[key] = value

    def _tuple(self, size: int) -> None:
        self.stack.append(tuple(self._items(size)))

    def _items(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError(count)
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def _unmark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        return items


def _from_pairs(pairs: object, at: int) -> dict[str, Any]:
    """Return the dict that an old pickle makes of a list of pairs; a doubled key is refused."""
    if not isinstance(pairs, list):
        raise _refused(f"a dict is made of something else than pairs at byte {at}")
    made: dict[str, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):  # noqa: PLR2004 - a pair
            raise _refused(f"a dict is made of something else than pairs at byte {at}")
        if len(pair[0]) > _LONGEST_KEY:
            raise LimitError(f"a key of the checkpoint has over {_LONGEST_KEY} characters")
        if pair[0] in made:
            raise _refused(f"the key `{pair[0]}`"[:200] + " is set twice")
        made[pair[0]] = pair[1]
    return made


def _refused(why: str) -> UnsupportedError:
    return UnsupportedError(
        "the checkpoint holds more than plain tensors",
        why=why,
        fix="load it with its own library in a sandbox, and save the state dict alone",
    )
