"""What the opcodes of a pickle work on: texts, names, the memo, and items of containers."""

from sys import getsizeof
from typing import cast

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget, over_limit
from weightmark.scanners.pickles.broken import BreakError, TruncatedError
from weightmark.scanners.pickles.forgotten import FORGOTTEN, forgotten
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.literals import line_value
from weightmark.scanners.pickles.opcodes import (
    BINBYTES8,
    BINSTRING,
    BINUNICODE8,
    BYTEARRAY8,
    LONG1,
    LONG4,
    SHORT_BINBYTES,
    SHORT_BINSTRING,
    STRING,
    UNICODE,
)
from weightmark.scanners.pickles.openings import HEAD, LEAST_BYTES, OPENINGS
from weightmark.scanners.pickles.state_keys import LONGEST_CODE, is_honest_code, is_odd_item
from weightmark.scanners.pickles.values import (
    CODE_KEYS,
    WATCHED,
    ArmedTuple,
    BytesAt,
    Container,
    PlainDict,
    PlainList,
    PlainSet,
    TextAt,
    Unknown,
    Value,
    is_armed,
    keep,
    make_tuple,
)
from weightmark.scanners.pickles.window import Window

__all__ = ["LONGEST_NAME", "LONG_TEXT", "SHORT_TEXT", "TEXTS", "TEXT_BUDGET", "Operands"]

SHORT_TEXT = 64
LONG_TEXT = 256
TEXT_BUDGET = 16 * 1024 * 1024
LONGEST_NAME = 4096
_MAXIMUM_INDEX = (1 << 63) - 1
_MEMO_BYTES = 128 * 1024 * 1024
_STACK_BYTES = 20 * 1024 * 1024
_LIGHT_STACK = 50_000
_OBJECT_BYTES = 296
_HEAVIEST = 2304
"""more than any value in a memo takes: a number of 4096 hexadecimal digits"""
_TEXT_BYTES = 66
_LIGHT_BYTES = 88
_PLACE_BYTES = 40
_POINTER_BYTES = 8
_NESTED_TUPLES = 300_000
_KNOWN_KEYS = 256
_FRAME_LENGTH = 8
TEXTS = frozenset({str})
_SIZED = frozenset({int, float, bool, tuple, ArmedTuple})
_LIGHT = frozenset({BytesAt, TextAt, type(None)})


class Operands:
    """The memo and the bytes of one run."""

    __slots__ = (
        "_budget",
        "_judge",
        "_kept",
        "_keys",
        "_lightened",
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
        self._keys: set[str] = set()
        self._memo: list[Value] = []
        self._sparse: dict[int, Value] = {}
        self._text_left = TEXT_BUDGET
        self._kept = 0
        self._lightened = 0
        self._nested = 0
        self._weighed = 0
        self._weight = 0
        self._wraps = wraps

    def forget(self) -> None:
        """Let go of the memo, so that nobody looks for cycles in it."""
        self._memo.clear()
        self._sparse.clear()

    def _weigh(self, stack: list[Value], marks: list[list[Value]]) -> None:
        """Bound what memo, texts and stack take in memory; each memo entry is weighed once."""
        self._budget.check_time()
        limits = self._budget.limits
        if len(self._memo) + len(self._sparse) > limits.memo:
            raise over_limit("memo", f"more than {limits.memo} entries in a pickle's memo")
        if len(marks) > limits.stack:
            raise over_limit("stack", f"more than {limits.stack} marks on a pickle's stack")
        standing = len(stack) + sum(map(len, marks))
        if standing > limits.stack:
            raise over_limit("stack", f"more than {limits.stack} values on a pickle's stack")
        texts = TEXT_BUDGET - self._text_left
        if (len(self._memo) + len(self._sparse)) * _HEAVIEST + texts > _MEMO_BYTES:
            self._weigh_memo()
            if self._heaviness(texts) > _MEMO_BYTES:
                self._lighten(stack, marks)
            if self._heaviness(texts) > _MEMO_BYTES:
                raise LimitError("a pickle's memo takes too much memory")
        if standing > _LIGHT_STACK and sum(map(_weight, (stack, *marks))) > _STACK_BYTES:
            raise LimitError("a pickle's stack takes too much memory")

    def _weigh_memo(self) -> None:
        self._weight += _weight(self._memo[self._weighed :])
        self._weighed = len(self._memo)

    def _heaviness(self, texts: int) -> int:
        return self._weight + len(self._sparse) * _OBJECT_BYTES + texts

    def _lighten(self, stack: list[Value], marks: list[list[Value]]) -> None:
        """Forget what plain containers in the memo hold, where nothing but the memo leads to them.

        Nothing in them is armed, and nothing may go into them any more.
        """
        memo, start = self._memo, self._lightened
        standing = {id(value) for values in (stack, *marks) for value in values}
        light = 0
        for index, value in enumerate(memo[start:], start):
            stand_in = forgotten(value)
            if stand_in is not None and id(value) not in standing:
                memo[index] = stand_in
                light += 1
        kept = [value for value in memo[start:] if id(value) not in FORGOTTEN]
        self._kept += _weight(kept) + light * _POINTER_BYTES
        self._weight = self._kept
        self._lightened = self._weighed = len(memo)

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

    def _frame(self, offset: int, open_until: int) -> int:
        """Return where the frame ends whose length stands at `offset`; the one before must be over."""
        length = int.from_bytes(self._window.view.read_at(offset, _FRAME_LENGTH), "little")
        end = offset + _FRAME_LENGTH + length
        if offset <= open_until:
            self._judge.misframed(offset - 1, open_until, "a frame inside a frame")
        return max(end, open_until)

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

    def _skip_bytes(self, op: int, position: int, stack: list[Value]) -> int:
        """Leave a payload where it is, and return the position after it."""
        length, position = self._length(op, position)
        window = self._window
        stack.append(BytesAt(window.base + position, length))
        if window.base + position + length > window.view.size:
            raise TruncatedError("a payload reaches over the end")
        if length >= LEAST_BYTES and window.data[position] in OPENINGS:
            self._carry_bytes(position, length)
        return position + length

    def _carry_bytes(self, position: int, length: int) -> None:
        """Have a payload at `position` looked into if it begins like a pickle."""
        window = self._window
        head = window.data[position : position + min(length, HEAD)]
        self._judge.carry(window.base + position, length, head)

    def _carry_text(self, position: int, length: int, encoding: str = "utf-8") -> None:
        """Have a text at `position` looked into if it begins like a pickle in letters."""
        window = self._window
        head = window.data[position : position + min(length, HEAD)]
        self._judge.carry(window.base + position, length, head, encoding)

    def _carry_string(self, position: int, length: int) -> None:
        """Have a string of Python 2 looked into, as text and as bytes."""
        if length >= LEAST_BYTES:
            self._carry_text(position, length, "latin-1")
            self._carry_bytes(position, length)

    def _carry_line(self, op: int, position: int, length: int, value: Value) -> None:
        """Have a line of text, which stands for `value`, looked into as `_carry_text` does."""
        if isinstance(value, str):
            head = value[:HEAD].encode("utf-8", "replace")
            encoding = "string-line" if op == STRING else "raw-unicode-escape"
            self._judge.carry(self._window.base + position, length, head, encoding)

    def _long_number(self, op: int, position: int, stack: list[Value]) -> int:
        length, position = self._length(op, position)
        data = self._window.data
        if length <= LONG_TEXT and position + length <= len(data):
            stack.append(int.from_bytes(data[position : position + length], "little", signed=True))
        else:
            stack.append(Unknown(f"number of {length} bytes"))
        return position + length

    def _long_line(self, op: int, position: int, stack: list[Value]) -> int:
        """Read a line that is long or reaches over the window; return the position after it."""
        line, after = self._line(position)
        length = after - position - 1
        if length <= LONGEST_NAME:
            stack.append(line_value(op, line))
        elif op == UNICODE:
            stack.append(TextAt(self._window.base + position, length, "raw-unicode-escape"))
            self._carry_line(op, position, length, line[:HEAD].decode("latin-1"))
        else:
            stack.append(Unknown(f"line of {length} bytes"))
        return after

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

    def _set_items(self, here: int, target: Value, items: list[Value]) -> None:
        if type(target) is PlainDict:
            self._watch(target, items)
            if target.held or target.frozen:
                self._keep(here, "items", target, items)
            else:
                keep(target, items)
        elif isinstance(target, PlainList):
            target.dunder = True
            self._keep(here, "items", target, items)
        elif items:
            self._judge.stored(here, "items", target, items)

    def _add_items(
        self, here: int, target: Value, kind: type[Container], items: list[Value]
    ) -> None:
        operation = "add" if kind is PlainSet else "append"
        if type(target) is not kind:
            if items:
                self._judge.stored(here, operation, target, items)
        elif target.held or target.frozen:
            self._keep(here, operation, target, items)
        else:
            keep(target, items)

    def _keep(self, here: int, operation: str, target: Container, items: list[Value]) -> None:
        if target.frozen or (target.held and any(map(is_armed, items))):
            self._judge.stored(here, operation, target, items)
        keep(target, items)

    def _watch(self, target: PlainDict, items: list[Value]) -> None:
        """Mark a dict that takes an odd key, or text that runs; other keys are known from then on."""
        keys = items[::2]
        if TEXTS.issuperset(map(type, keys)):
            texts = cast("list[str]", keys)
            if WATCHED.isdisjoint(texts) and not any(text[:2] == "__" for text in texts):
                if len(texts) + len(self._keys) <= _KNOWN_KEYS:
                    self._keys.update(texts)
                return
        for key, value in zip(keys, items[1::2], strict=True):
            if not target.dunder and self._is_odd(key, value):
                target.dunder = True
            if isinstance(key, str) and key in CODE_KEYS and not self._is_honest_code(key, value):
                target.code = True

    def _is_odd(self, key: Value, value: Value) -> bool:
        """Tell an odd item; text that was left in place is too long for a method's name."""
        if not isinstance(key, TextAt) or key.encoding != "utf-8":
            return is_odd_item(key, value)
        return self._window.view.read_at(key.offset, 2) == b"__"

    def _is_honest_code(self, key: str, value: Value) -> bool:
        """Tell nothing, False and what an honest library has run; text that was left in place is read.

        A chat template is judged for itself.
        """
        if key == "chat_template":
            return value is None or self._judge.has_template(value)
        if isinstance(value, TextAt) and value.length <= LONGEST_CODE:
            raw = self._window.view.read_at(value.offset, value.length)
            value = raw.decode(value.encoding, "replace")
        if value is None or value is False:
            return True
        return isinstance(value, str) and is_honest_code(key, value)


def _weight(values: list[Value]) -> int:
    """Estimate the bytes that values take, their places in a list included.

    A text counts its length elsewhere; a container is weighed as a full one.
    """
    kinds = list(map(type, values))
    texts = kinds.count(str)
    light = sum(map(kinds.count, _LIGHT))
    sized = [value for value in values if type(value) in _SIZED]
    heavy = len(values) - len(sized) - texts - light
    known = texts * _TEXT_BYTES + light * _LIGHT_BYTES + heavy * _OBJECT_BYTES
    return known + sum(map(getsizeof, sized)) + len(sized) * _PLACE_BYTES
