"""What the opcodes of a pickle work on: texts, names, the memo, and items of containers."""

from sys import getsizeof

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget
from weightmark.scanners.pickles.broken import BreakError, TruncatedError
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.opcodes import (
    BINBYTES8,
    BINSTRING,
    BINUNICODE8,
    BYTEARRAY8,
    LONG1,
    LONG4,
    SHORT_BINBYTES,
    SHORT_BINSTRING,
)
from weightmark.scanners.pickles.values import (
    BytesAt,
    Container,
    TextAt,
    Unknown,
    Value,
    is_armed,
    is_odd_key,
    keep,
    make_tuple,
)
from weightmark.scanners.pickles.window import Window

__all__ = ["LONGEST_NAME", "LONG_TEXT", "SHORT_TEXT", "TEXT_BUDGET", "Operands"]

SHORT_TEXT = 64
LONG_TEXT = 256
TEXT_BUDGET = 16 * 1024 * 1024
LONGEST_NAME = 4096
_MAXIMUM_INDEX = (1 << 63) - 1
_MEMO_BYTES = 104 * 1024 * 1024
_STACK_BYTES = 20 * 1024 * 1024
_LIGHT_STACK = 50_000
_OBJECT_BYTES = 296
_NESTED_TUPLES = 300_000


class Operands:
    """The memo and the bytes of one run."""

    __slots__ = (
        "_budget",
        "_judge",
        "_memo",
        "_nested",
        "_sparse",
        "_text_left",
        "_weighed",
        "_weight",
        "_window",
        "_wraps",
        "at",
        "count",
    )

    def __init__(self, view: ByteView, judge: Judge, budget: Budget, *, wraps: bool = True) -> None:
        """Run opcodes of `view`; `wraps` tells whether to read joblib's arrays as joblib does."""
        self.at = 0
        self.count = 0
        self._judge = judge
        self._budget = budget
        self._window = Window(view)
        self._memo: list[Value] = []
        self._sparse: dict[int, Value] = {}
        self._text_left = TEXT_BUDGET
        self._nested = 0
        self._weighed = 0
        self._weight = 0
        self._wraps = wraps

    def _weigh(self, stack: list[Value], marks: list[list[Value]]) -> None:
        """Bound what memo, texts and stack take in memory; each memo entry is weighed once."""
        self._weight += sum(map(_weight, self._memo[self._weighed :]))
        self._weighed = len(self._memo)
        texts = TEXT_BUDGET - self._text_left
        if self._weight + len(self._sparse) * _OBJECT_BYTES + texts > _MEMO_BYTES:
            raise LimitError("a pickle's memo takes too much memory")
        if len(stack) + sum(map(len, marks)) > _LIGHT_STACK:
            heavy = sum(sum(map(_weight, part)) for part in (stack, *marks))
            if heavy > _STACK_BYTES:
                raise LimitError("a pickle's stack takes too much memory")

    def _tuple(self, items: list[Value]) -> tuple[Value, ...]:
        """Make a tuple; tuples in tuples are counted, since a chain of them stays in memory."""
        for item in items:
            if isinstance(item, tuple) and item:
                self._nested += 1
                if self._nested > _NESTED_TUPLES:
                    raise LimitError(f"more than {_NESTED_TUPLES} tuples of tuples in a pickle")
                break
        return make_tuple(items)

    def _line(self, position: int) -> tuple[bytes, int]:
        found = self._window.line(position)
        if found is None:
            raise TruncatedError("a line does not end")
        return found

    def _name_lines(self, position: int) -> tuple[str, str, int]:
        here = self._window.base + position - 1
        module, position = self._line(position)
        name, position = self._line(position)
        if len(module) > LONGEST_NAME:
            raise BreakError(f"a module name is over {LONGEST_NAME} bytes")
        if len(name) > LONGEST_NAME:
            shown = name[:SHORT_TEXT].decode("utf-8", "replace") + "…"
            self._judge.imported(here, module.decode("utf-8"), shown)
            raise BreakError(f"a name is over {LONGEST_NAME} bytes")
        return module.decode("utf-8"), name.decode("utf-8"), position

    def _length(self, op: int, position: int) -> tuple[int, int]:
        if op in (SHORT_BINBYTES, SHORT_BINSTRING, LONG1):
            return self._window.data[position], position + 1
        size = 8 if op in (BINBYTES8, BYTEARRAY8, BINUNICODE8) else 4
        signed = op in (BINSTRING, LONG4)
        raw = self._window.data[position : position + size]
        length = int.from_bytes(raw, "little", signed=signed)
        if not 0 <= length <= _MAXIMUM_INDEX:
            raise BreakError("a length is negative or too large")
        return length, position + size

    def _text(self, offset: int, length: int) -> Value:
        view = self._window.view
        if offset + length > view.size:
            raise TruncatedError("a text reaches over the end")
        if length > LONG_TEXT or self._text_left < length > SHORT_TEXT:
            return TextAt(offset, length)
        self._text_left -= length
        return view.read_at(offset, length).decode("utf-8", "surrogatepass")

    def _name(self, value: Value) -> Value:
        """Read the text of an operand of `STACK_GLOBAL` if it was left in place."""
        if not isinstance(value, TextAt):
            return value
        if value.length > LONGEST_NAME:
            return Unknown(f"name of {value.length} bytes")
        return self._window.view.read_at(value.offset, value.length).decode(value.encoding)

    def _get(self, index: int) -> Value:
        if 0 <= index < len(self._memo):
            return self._memo[index]
        if index in self._sparse:
            return self._sparse[index]
        raise BreakError(f"memo entry {index} was never stored")

    def _put(self, index: int, value: Value) -> None:
        memo, sparse = self._memo, self._sparse
        if index < 0:
            raise BreakError("a memo index is negative")
        if index < len(memo):
            memo[index] = value
        elif index == len(memo):
            memo.append(value)
            while sparse and len(memo) in sparse:
                memo.append(sparse.pop(len(memo)))
        else:
            sparse[index] = value
        if len(memo) + len(sparse) > self._budget.limits.memo:
            raise LimitError(f"more than {self._budget.limits.memo} entries in a pickle's memo")

    def _set_items(self, here: int, target: Value, items: list[Value]) -> None:
        if not isinstance(target, Container) or target.kind == "set":
            if items:
                self._judge.stored(here, "items", target, items)
            return
        if target.kind == "list":
            target.dunder = True
        elif not target.dunder:
            target.dunder = any(map(self._is_odd, items[::2]))
        self._keep(here, "items", target, items)

    def _add_items(self, here: int, target: Value, kind: str, items: list[Value]) -> None:
        operation = "append" if kind == "list" else "add"
        if isinstance(target, Container) and target.kind == kind:
            self._keep(here, operation, target, items)
        elif items:
            self._judge.stored(here, operation, target, items)

    def _keep(self, here: int, operation: str, target: Container, items: list[Value]) -> None:
        if target.frozen or (target.held and any(map(is_armed, items))):
            self._judge.stored(here, operation, target, items)
        keep(target, items)

    def _is_odd(self, key: Value) -> bool:
        """Tell an odd key; text that was left in place is too long for a method's name."""
        if not isinstance(key, TextAt) or key.encoding != "utf-8":
            return is_odd_key(key)
        return self._window.view.read_at(key.offset, 2) == b"__"


def _weight(value: Value) -> int:
    """Estimate the bytes that a value takes, its place in a list included.

    A text counts its length elsewhere; a container is weighed as a full one.
    """
    if isinstance(value, str):
        return 66
    if isinstance(value, (int, float, tuple)):
        return getsizeof(value) + 40
    if isinstance(value, (TextAt, BytesAt)):
        return 88
    return _OBJECT_BYTES
