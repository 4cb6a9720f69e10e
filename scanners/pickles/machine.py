"""The machine: runs a pickle on symbolic values and tells a judge what happens.

It follows CPython's unpickler opcode by opcode (`Lib/pickle.py`, `Modules/_pickle.c`): the same
stack, marks, memo and Python 2 names. Nothing is imported and nothing is called. Payloads are
skipped where they stand.
"""

from struct import unpack_from

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget
from weightmark.scanners.pickles.broken import BreakError, TruncatedError
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.literals import line_value
from weightmark.scanners.pickles.names import python3_name
from weightmark.scanners.pickles.opcodes import (
    ADDITEMS,
    APPEND,
    APPENDS,
    BINBYTES,
    BINBYTES8,
    BINFLOAT,
    BINGET,
    BININT,
    BININT1,
    BININT2,
    BINPERSID,
    BINPUT,
    BINSTRING,
    BINUNICODE,
    BINUNICODE8,
    BUILD,
    BYTEARRAY8,
    DICT,
    DUP,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    EMPTY_TUPLE,
    EXT1,
    EXT2,
    EXT4,
    FLOAT,
    FRAME,
    FROZENSET,
    GET,
    GLOBAL,
    HIGHEST_PROTOCOL,
    INST,
    INT,
    LIST,
    LONG,
    LONG1,
    LONG4,
    LONG_BINGET,
    LONG_BINPUT,
    MARK,
    MEMOIZE,
    NEWFALSE,
    NEWOBJ,
    NEWOBJ_EX,
    NEWTRUE,
    NEXT_BUFFER,
    NONE,
    OBJ,
    PERSID,
    POP,
    POP_MARK,
    PROTO,
    PUT,
    READONLY_BUFFER,
    REDUCE,
    SETITEM,
    SETITEMS,
    SHORT_BINBYTES,
    SHORT_BINSTRING,
    SHORT_BINUNICODE,
    STACK_GLOBAL,
    STOP,
    STRING,
    TUPLE,
    TUPLE1,
    TUPLE2,
    TUPLE3,
    UNICODE,
)  # fmt: skip
from weightmark.scanners.pickles.values import (
    KEPT_ITEMS,
    BytesAt,
    Container,
    TextAt,
    Unknown,
    Value,
)
from weightmark.scanners.pickles.window import Window

__all__ = ["Machine"]

_SHORT_TEXT = 64
_LONG_TEXT = 256
_TEXT_BUDGET = 16 * 1024 * 1024
_KEPT_TUPLE = 64
_LONGEST_NAME = 4096
_PYTHON2_PROTOCOLS = 3
_MAXIMUM_INDEX = (1 << 63) - 1
_TEXTS = frozenset({SHORT_BINUNICODE, BINUNICODE})
_BYTES = frozenset({BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8})
_LONG_NUMBERS = frozenset({LONG1, LONG4})
_NAMED = frozenset({GLOBAL, INST})
_MARKED_CONTAINERS = frozenset({LIST, DICT, FROZENSET})
_STRINGS = frozenset({SHORT_BINSTRING, BINSTRING})
_EXTENSIONS = frozenset({EXT1, EXT2, EXT4})
_LINES = frozenset({GET, PUT, INT, LONG, FLOAT, STRING, UNICODE})


class Machine:
    """The state of one run."""

    __slots__ = ("_budget", "_judge", "_memo", "_sparse", "_text_left", "_window", "at", "count")

    def __init__(self, view: ByteView, judge: Judge, budget: Budget) -> None:
        self.at = 0
        self.count = 0
        self._judge = judge
        self._budget = budget
        self._window = Window(view)
        self._memo: list[Value] = []
        self._sparse: dict[int, Value] = {}
        self._text_left = _TEXT_BUDGET

    def execute(self, start: int) -> Value:  # noqa: C901, PLR0912, PLR0915 - ADR 0003
        """Run from `start` to `STOP` and return the value of the pickle."""
        window, judge, memo = self._window, self._judge, self._memo
        stack: list[Value] = []
        marks: list[list[Value]] = []
        memo_limit, stack_limit = self._budget.limits.memo, self._budget.limits.stack
        opcodes_left = self._budget.opcodes
        count = protocol = 0
        position = 0
        refill = window.load(start)
        base, data = window.base, window.data
        here = start
        try:
            while True:
                if position >= refill:
                    if window.last:
                        here = min(base + position, window.view.size)
                        raise TruncatedError("the bytes end before `STOP`")
                    refill = window.load(base + position)
                    base, data, position = window.base, window.data, 0
                    if len(stack) + sum(map(len, marks)) > stack_limit:
                        raise LimitError(f"more than {stack_limit} values on a pickle's stack")
                    continue
                op = data[position]
                here = base + position
                count += 1
                if count > opcodes_left:
                    raise LimitError(f"more than {self._budget.limits.opcodes} pickle opcodes")
                position += 1

                if op == BINPUT:
                    self._put(data[position], stack[-1])
                    position += 1
                elif op == MEMOIZE:
                    if self._sparse:
                        self._put(len(memo) + len(self._sparse), stack[-1])
                    else:
                        memo.append(stack[-1])
                        if len(memo) > memo_limit:
                            raise LimitError(f"more than {memo_limit} entries in a pickle's memo")
                elif op in _TEXTS:
                    if op == SHORT_BINUNICODE:
                        length = data[position]
                        position += 1
                    else:
                        length = unpack_from("<I", data, position)[0]
                        position += 4
                    if length <= _SHORT_TEXT and position + length <= len(data):
                        stack.append(
                            data[position : position + length].decode("utf-8", "surrogatepass")
                        )
                        self._text_left -= length
                    else:
                        stack.append(self._text(base + position, length))
                    position += length
                elif op == BINGET:
                    index = data[position]
                    stack.append(memo[index] if index < len(memo) else self._get(index))
                    position += 1
                elif op == BININT1:
                    stack.append(data[position])
                    position += 1
                elif op == MARK:
                    marks.append(stack)
                    stack = []
                    if len(marks) > stack_limit:
                        raise LimitError(f"more than {stack_limit} marks on a pickle's stack")
                elif op in _LINES:
                    end = data.find(b"\n", position)
                    if end >= 0:
                        line, after = data[position:end], end + 1
                    else:
                        line, after = self._line(position)
                    length = after - position - 1
                    if op == GET:
                        stack.append(self._get(int(line)))
                    elif op == PUT:
                        self._put(int(line), stack[-1])
                    elif op == UNICODE and length > _LONGEST_NAME:
                        stack.append(TextAt(base + position, length, "raw-unicode-escape"))
                    elif length > _LONGEST_NAME:
                        stack.append(Unknown(f"line of {length} bytes"))
                    else:
                        stack.append(line_value(op, line))
                    position = after
                elif op == TUPLE:
                    items = tuple(stack[:_KEPT_TUPLE])
                    stack = _unmark(marks)
                    stack.append(items)
                elif op == TUPLE1:
                    stack[-1] = (stack[-1],)
                elif op == TUPLE2:
                    stack[-2:] = [(stack[-2], stack[-1])]
                elif op == TUPLE3:
                    stack[-3:] = [(stack[-3], stack[-2], stack[-1])]
                elif op == LONG_BINPUT:
                    self._put(unpack_from("<I", data, position)[0], stack[-1])
                    position += 4
                elif op == LONG_BINGET:
                    stack.append(self._get(unpack_from("<I", data, position)[0]))
                    position += 4
                elif op == REDUCE:
                    arguments = stack.pop()
                    stack[-1] = judge.called(here, stack[-1], arguments)
                elif op == BINPERSID:
                    stack[-1] = judge.persistent(here, stack[-1])
                elif op == NEWOBJ:
                    arguments = stack.pop()
                    stack[-1] = judge.instantiated(here, stack[-1], arguments)
                elif op == BUILD:
                    state = stack.pop()
                    judge.built(here, stack[-1], state)
                elif op == EMPTY_DICT:
                    stack.append(Container("dict"))
                elif op == EMPTY_LIST:
                    stack.append(Container("list"))
                elif op == EMPTY_TUPLE:
                    stack.append(())
                elif op == NONE:
                    stack.append(None)
                elif op == NEWTRUE:
                    stack.append(True)
                elif op == NEWFALSE:
                    stack.append(False)
                elif op == BININT2:
                    stack.append(unpack_from("<H", data, position)[0])
                    position += 2
                elif op == BININT:
                    stack.append(unpack_from("<i", data, position)[0])
                    position += 4
                elif op == BINFLOAT:
                    stack.append(unpack_from(">d", data, position)[0])
                    position += 8
                elif op == SETITEM:
                    value = stack.pop()
                    key = stack.pop()
                    self._set_items(here, stack[-1], [key, value])
                elif op == SETITEMS:
                    items_ = stack
                    stack = _unmark(marks)
                    if len(items_) % 2:
                        raise BreakError("an odd number of keys and values")
                    self._set_items(here, stack[-1], items_)
                elif op == APPEND:
                    value = stack.pop()
                    self._add_items(here, stack[-1], "list", [value])
                elif op == APPENDS:
                    items_ = stack
                    stack = _unmark(marks)
                    self._add_items(here, stack[-1], "list", items_)
                elif op in _BYTES:
                    length, position = self._length(op, position)
                    stack.append(BytesAt(base + position, length))
                    position += length
                    if base + position > window.view.size:
                        raise TruncatedError("a payload reaches over the end")
                elif op in _LONG_NUMBERS:
                    length, position = self._length(op, position)
                    if length <= _LONG_TEXT and position + length <= len(data):
                        stack.append(
                            int.from_bytes(
                                data[position : position + length], "little", signed=True
                            )
                        )
                    else:
                        stack.append(Unknown(f"number of {length} bytes"))
                    position += length
                elif op in _NAMED:
                    module, name, position = self._name_lines(position)
                    found = judge.imported(
                        here, *python3_name(module, name, protocol < _PYTHON2_PROTOCOLS)
                    )
                    if op == INST:
                        arguments = tuple(stack[:_KEPT_TUPLE])
                        stack = _unmark(marks)
                        stack.append(judge.called(here, found, arguments))
                    else:
                        stack.append(found)
                elif op == STACK_GLOBAL:
                    name_ = self._name(stack.pop())
                    module_ = self._name(stack.pop())
                    if isinstance(module_, str) and isinstance(name_, str):
                        pair = python3_name(module_, name_, protocol < _PYTHON2_PROTOCOLS)
                        stack.append(judge.imported(here, *pair))
                    else:
                        stack.append(judge.computed_import(here, module_, name_))
                elif op == FRAME:
                    position += 8
                elif op == PROTO:
                    protocol = data[position]
                    position += 1
                    if protocol > HIGHEST_PROTOCOL:
                        raise BreakError(f"protocol {protocol} does not exist")
                elif op == STOP:
                    here = base + position
                    return stack.pop()
                elif op == POP:
                    if stack:
                        stack.pop()
                    else:
                        stack = _unmark(marks)
                elif op == POP_MARK:
                    stack = _unmark(marks)
                elif op == DUP:
                    stack.append(stack[-1])
                elif op == OBJ:
                    arguments = tuple(stack[1:_KEPT_TUPLE])
                    cls = stack[0]
                    stack = _unmark(marks)
                    stack.append(judge.called(here, cls, arguments))
                elif op == NEWOBJ_EX:
                    keywords = stack.pop()
                    arguments = stack.pop()
                    shown = (*arguments, keywords) if isinstance(arguments, tuple) else arguments
                    stack[-1] = judge.instantiated(here, stack[-1], shown)
                elif op in _MARKED_CONTAINERS:
                    items_ = stack
                    stack = _unmark(marks)
                    kind = "list" if op == LIST else "dict" if op == DICT else "set"
                    if kind == "dict" and len(items_) % 2:
                        raise BreakError("an odd number of keys and values")
                    fresh = Container(kind)
                    stack.append(fresh)
                    if kind == "dict":
                        self._set_items(here, fresh, items_)
                    else:
                        self._add_items(here, fresh, kind, items_)
                elif op == EMPTY_SET:
                    stack.append(Container("set"))
                elif op == ADDITEMS:
                    items_ = stack
                    stack = _unmark(marks)
                    self._add_items(here, stack[-1], "set", items_)
                elif op in _STRINGS:
                    length, position = self._length(op, position)
                    if length <= _LONG_TEXT and position + length <= len(data):
                        stack.append(data[position : position + length].decode("latin-1"))
                    else:
                        stack.append(TextAt(base + position, length))
                    position += length
                elif op == BINUNICODE8:
                    length, position = self._length(op, position)
                    stack.append(self._text(base + position, length))
                    position += length
                elif op in _EXTENSIONS:
                    size = 1 if op == EXT1 else 2 if op == EXT2 else 4
                    code = int.from_bytes(
                        data[position : position + size], "little", signed=op == EXT4
                    )
                    stack.append(judge.extension(here, code))
                    position += size
                elif op == NEXT_BUFFER:
                    stack.append(Unknown("buffer from outside"))
                elif op == READONLY_BUFFER:
                    stack[-1] = stack[-1]
                elif op == PERSID:
                    line, position = self._line(position)
                    stack.append(judge.persistent(here, line.decode("ascii")))
                else:
                    raise BreakError(f"0x{op:02x} is no opcode")
        finally:
            self.at, self.count = here, count

    def _line(self, position: int) -> tuple[bytes, int]:
        found = self._window.line(position)
        if found is None:
            raise TruncatedError("a line does not end")
        return found

    def _name_lines(self, position: int) -> tuple[str, str, int]:
        here = self._window.base + position - 1
        module, position = self._line(position)
        name, position = self._line(position)
        if len(module) > _LONGEST_NAME:
            raise BreakError(f"a module name is over {_LONGEST_NAME} bytes")
        if len(name) > _LONGEST_NAME:
            shown = name[:_SHORT_TEXT].decode("utf-8", "replace") + "…"
            self._judge.imported(here, module.decode("utf-8"), shown)
            raise BreakError(f"a name is over {_LONGEST_NAME} bytes")
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
        if length > _LONG_TEXT or self._text_left < length:
            return TextAt(offset, length)
        self._text_left -= length
        return view.read_at(offset, length).decode("utf-8", "surrogatepass")

    def _name(self, value: Value) -> Value:
        """Read the text of an operand of `STACK_GLOBAL` if it was left in place."""
        if not isinstance(value, TextAt):
            return value
        if value.length > _LONGEST_NAME:
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
                self._judge.stored(here, target, items)
            return
        for key in items[::2]:
            if isinstance(key, str) and key[:2] == "__":
                target.dunder = True
        _keep(target, items)

    def _add_items(self, here: int, target: Value, kind: str, items: list[Value]) -> None:
        if isinstance(target, Container) and target.kind == kind:
            _keep(target, items)
        elif items:
            self._judge.stored(here, target, items)


def _keep(target: Container, items: list[Value]) -> None:
    kept = target.items
    room = KEPT_ITEMS - len(kept)
    if room > 0:
        kept += items[:room]
    if len(items) > room:
        target.more = True


def _unmark(marks: list[list[Value]]) -> list[Value]:
    if not marks:
        raise BreakError("a mark is missing")
    return marks.pop()
