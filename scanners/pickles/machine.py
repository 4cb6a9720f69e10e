"""The machine: runs a pickle on symbolic values and tells a judge what happens.

It follows CPython's unpickler opcode by opcode (`Lib/pickle.py`, `Modules/_pickle.c`): the same
stack, marks, memo and Python 2 names. Nothing is imported and nothing is called. Payloads are
skipped where they stand.
"""

from itertools import chain
from struct import unpack_from

from weightmark.errors import LimitError
from weightmark.scanners.pickles.broken import BreakError, TruncatedError
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
    OPCODES,
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
from weightmark.scanners.pickles.operands import (
    LONG_TEXT,
    LONGEST_NAME,
    SHORT_TEXT,
    Operands,
)
from weightmark.scanners.pickles.snapshot import Snapshot, WatchedMemo, is_unknown
from weightmark.scanners.pickles.values import (
    BytesAt,
    Call,
    Container,
    Instance,
    Persistent,
    TextAt,
    Unknown,
    Value,
)
from weightmark.scanners.pickles.wrapped_arrays import WRAPPER, LieError, layout

__all__ = ["Machine"]

_PYTHON2_PROTOCOLS = 3
_TEXTS = frozenset({SHORT_BINUNICODE, BINUNICODE})
_BYTES = frozenset({BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8})
_LONG_NUMBERS = frozenset({LONG1, LONG4})
_NAMED = frozenset({GLOBAL, INST})
_MARKED_CONTAINERS = frozenset({LIST, DICT, FROZENSET})
_STRINGS = frozenset({SHORT_BINSTRING, BINSTRING})
_EXTENSIONS = frozenset({EXT1, EXT2, EXT4})
_LINES = frozenset({GET, PUT, INT, LONG, FLOAT, STRING, UNICODE})


class Machine(Operands):
    """The state of one run."""

    __slots__ = ()

    def execute(  # noqa: C901, PLR0912, PLR0915 - ADR 0003
        self, start: int, stack: list[Value] | None = None, marks: list[list[Value]] | None = None
    ) -> Value:
        """Run from `start` to `STOP` and return the value of the pickle.

        `stack` and `marks` are what stands there already.
        """
        window, judge, memo = self._window, self._judge, self._memo
        stack = [] if stack is None else stack
        marks = [] if marks is None else marks
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
                    self._weigh(stack, marks)
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
                    if length <= SHORT_TEXT and position + length <= len(data):
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
                    elif op == UNICODE and length > LONGEST_NAME:
                        stack.append(TextAt(base + position, length, "raw-unicode-escape"))
                    elif length > LONGEST_NAME:
                        stack.append(Unknown(f"line of {length} bytes"))
                    else:
                        stack.append(line_value(op, line))
                    position = after
                elif op == TUPLE:
                    items = self._tuple(stack)
                    stack = _unmark(marks)
                    stack.append(items)
                elif op == TUPLE1:
                    stack[-1] = self._tuple([stack[-1]])
                elif op == TUPLE2:
                    stack[-2:] = [self._tuple([stack[-2], stack[-1]])]
                elif op == TUPLE3:
                    stack[-3:] = [self._tuple([stack[-3], stack[-2], stack[-1]])]
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
                    if isinstance(stack[-1], Persistent):
                        raise BreakError("a persistent id is itself a persistent object")
                    stack[-1] = judge.persistent(here, stack[-1])
                elif op == NEWOBJ:
                    arguments = stack.pop()
                    stack[-1] = judge.instantiated(here, stack[-1], arguments)
                elif op == BUILD:
                    state = stack.pop()
                    judge.built(here, stack[-1], state)
                    if self._wraps and _is_wrapper(stack[-1]):
                        end, array = self._wrapped_array(base + position, state, stack, marks)
                        stack[-1] = array
                        position = end - base
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
                    if length <= LONG_TEXT and position + length <= len(data):
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
                        arguments = self._tuple(stack)
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
                    cls = stack[0]
                    arguments = self._tuple(stack[1:])
                    stack = _unmark(marks)
                    stack.append(judge.called(here, cls, arguments))
                elif op == NEWOBJ_EX:
                    keywords = stack.pop()
                    arguments = stack.pop()
                    if isinstance(arguments, tuple):
                        arguments = self._tuple([*arguments, keywords])
                    stack[-1] = judge.instantiated(here, stack[-1], arguments)
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
                    if length <= LONG_TEXT and position + length <= len(data):
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

    def _wrapped_array(
        self, start: int, state: Value, stack: list[Value], marks: list[list[Value]]
    ) -> tuple[int, Value]:
        """Return where the opcodes go on after an array of joblib, and what `joblib.load` makes."""
        try:
            found = layout(state)
        except LieError as error:
            self._judge.lied(start, str(error))
            raise
        self._read_on(start, stack, marks, objects=found.objects)
        if found.objects:
            return self._nested_pickle(start)
        view = self._window.view
        padding = int.from_bytes(view.read_at(start, 1), "little") + 1 if found.padded else 0
        end = start + padding + found.size
        if end > view.size:
            raise TruncatedError("an array of joblib reaches over the end")
        return end, Instance(None, built=True)

    def _nested_pickle(self, start: int) -> tuple[int, Value]:
        """Run the pickle of an array of objects, which has a memo of its own."""
        machine = Machine(self._window.view, self._judge, self._budget, wraps=False)
        try:
            value = machine.execute(start)
        finally:
            self._budget.opcodes -= machine.count
        return machine.at, value

    def _read_on(
        self, start: int, stack: list[Value], marks: list[list[Value]], *, objects: bool
    ) -> None:
        """Read on as `pickle.load` would, which knows no arrays in between.

        Where a pickle follows, only what is dangerous or unknown counts: its memo is another one,
        so the names that it computes from there mean nothing. Values are left as they were: what
        this reading does to them never happens in the other one.
        """
        first = self._window.view.read_at(start, 1)
        if not first or first[0] not in OPCODES:
            return
        judge = self._judge.second_reading()
        machine = Machine(self._window.view, judge, self._budget, wraps=False)
        memo = machine.recall(self._memo, self._sparse)
        standing = [*self._sparse.values(), *stack, *chain(*marks)]
        kept = Snapshot([*self._memo, *standing])
        unknown = any(map(is_unknown, standing))
        try:
            machine.execute(start, list(stack), [list(mark) for mark in marks])
        except (BreakError, IndexError, UnicodeDecodeError, ValueError, OverflowError):
            pass
        finally:
            self._budget.opcodes -= machine.count + len(self._memo)
            kept.restore()
        unknown = unknown or memo.touched or any(map(is_unknown, judge.globals))
        if judge.reaches_danger() or (judge.acted and (unknown or (judge.globals and not objects))):
            judge.report()

    def recall(self, memo: list[Value], sparse: dict[int, Value]) -> WatchedMemo:
        """Begin with a copy of another machine's memo, and return it."""
        self._memo = watched = WatchedMemo(memo)
        self._sparse = dict(sparse)
        return watched


def _is_wrapper(value: Value) -> bool:
    of = value.of if isinstance(value, (Call, Instance)) else None
    return of is not None and (of.module, of.name) == WRAPPER


def _unmark(marks: list[list[Value]]) -> list[Value]:
    if not marks:
        raise BreakError("a mark is missing")
    return marks.pop()
