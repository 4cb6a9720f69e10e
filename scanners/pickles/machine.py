"""The machine: runs a pickle on symbolic values and tells a judge what happens.

It follows CPython's unpickler opcode by opcode (`Lib/pickle.py`, `Modules/_pickle.c`): the same
stack, marks, memo and Python 2 names. Nothing is imported and nothing is called. Payloads are
skipped where they stand.
"""

from itertools import repeat
from operator import length_hint
from struct import Struct

from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.broken import BreakError, TruncatedError
from weightmark.scanners.pickles.inline_arrays import is_wrapper
from weightmark.scanners.pickles.literals import line_value, memo_index
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
    BUILD,
    BYTEARRAY8,
    DICT,
    DUP,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    EMPTY_TUPLE,
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
    LONG_BINGET,
    LONG_BINPUT,
    MARK,
    MEMOIZE,
    NEWFALSE,
    NEWOBJ,
    NEWTRUE,
    NONE,
    OBJ,
    PERSID,
    POP,
    POP_MARK,
    PROTO,
    PUT,
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
from weightmark.scanners.pickles.openings import LEAST_BYTES, LEAST_TEXT, OPENINGS, opens_text
from weightmark.scanners.pickles.operands import LONG_TEXT, LONGEST_NAME, SHORT_TEXT, TEXTS
from weightmark.scanners.pickles.rare_opcodes import RareOpcodes
from weightmark.scanners.pickles.results import routine_result
from weightmark.scanners.pickles.values import (
    KEPT_ITEMS,
    KEPT_TUPLE,
    LEAVES,
    UNARMED,
    WATCHED,
    BytesAt,
    Container,
    Global,
    Persistent,
    PlainDict,
    PlainList,
    PlainSet,
    TextAt,
    Value,
    hold_one,
)

__all__ = ["Machine"]

_PYTHON2_PROTOCOLS = 3
_PROTOCOL2 = 0x80
_ZERO = ord("0")
_SIGNED = Struct("<i").unpack_from
_UNSIGNED = Struct("<I").unpack_from
_DOUBLE = Struct(">d").unpack_from
_NAMED = frozenset({GLOBAL, INST})
_LONG_BYTES = frozenset({BINBYTES8, BYTEARRAY8})
_STRINGS = frozenset({SHORT_BINSTRING, BINSTRING})
_LINES = frozenset({INT, LONG, FLOAT, STRING, UNICODE})


class Machine(RareOpcodes):
    """The state of one run."""

    __slots__ = ()

    def execute(  # noqa: C901, PLR0912, PLR0915 - ADR 0003
        self, start: int, stack: list[Value] | None = None, marks: list[list[Value]] | None = None
    ) -> Value:
        """Run from `start` to `STOP` and return the value of the pickle.

        `stack` and `marks` are what stands there already.
        """
        window, judge, memo, sparse = self._window, self._judge, self._memo, self._sparse
        keys = self._keys
        known: list[Value] = []
        stack = [] if stack is None else stack
        marks = [] if marks is None else marks
        opcodes = self._budget.opcodes
        steps = repeat(None, opcodes)
        fused = protocol = position = texts = frame_end = 0
        made: Value
        pair: Value
        refill = window.load(start)
        base, data = window.base, window.data
        try:
            for _ in steps:
                if position >= refill:
                    self._text_left -= texts
                    texts = 0
                    self._weigh(stack, marks)
                    if fused > length_hint(steps):
                        break
                    refill = window.load(base + position)
                    base, data, position = window.base, window.data, 0
                    if refill <= 0:
                        raise TruncatedError("the bytes end before `STOP`")
                op = data[position]
                position += 1

                if op >= _PROTOCOL2:
                    if op == MEMOIZE:
                        if sparse:
                            self._put(len(memo) + len(sparse), stack[-1])
                        else:
                            memo.append(stack[-1])
                    elif op == SHORT_BINUNICODE:
                        length = data[position]
                        position += 1
                        if length <= SHORT_TEXT:
                            try:
                                stack.append(data[position : position + length].decode())
                            except UnicodeDecodeError:
                                stack.append(self._text(base + position, length))
                            texts += length
                        else:
                            stack.append(self._text(base + position, length))
                        if length >= LEAST_TEXT and opens_text(data, position, position + length):
                            self._carry_text(position, length)
                        position += length
                    elif op == TUPLE2:
                        second = stack.pop()
                        first = stack.pop()
                        if type(first) in LEAVES and type(second) in LEAVES:
                            pair = (first, second)
                        else:
                            pair = self._tuple([first, second])
                        stack.append(pair)
                        if data[position] == MEMOIZE and not sparse:
                            position += 1
                            memo.append(pair)
                            fused += 1
                    elif op == NEWTRUE:
                        stack.append(True)
                    elif op == NEWFALSE:
                        stack.append(False)
                    elif op == TUPLE1:
                        first = stack[-1]
                        stack[-1] = (first,) if type(first) in LEAVES else self._tuple([first])
                    elif op == EMPTY_SET:
                        made = PlainSet()
                        stack.append(made)
                        if data[position] == MEMOIZE and not sparse:
                            position += 1
                            memo.append(made)
                            fused += 1
                    elif op == ADDITEMS:
                        items = stack
                        stack = marks.pop()
                        target = stack[-1]
                        if (
                            type(target) is PlainSet
                            and not target.items
                            and not target.held
                            and len(items) <= KEPT_ITEMS
                            and LEAVES.issuperset(map(type, items))
                        ):
                            target.items = items
                        else:
                            self._add_items(base + position - 1, target, PlainSet, items)
                    elif op == TUPLE3:
                        stack[-3:] = [self._tuple([stack[-3], stack[-2], stack[-1]])]
                    elif op == LONG1:
                        length = data[position]
                        number = data[position + 1 : position + 1 + length]
                        position += 1 + length
                        if len(number) < length:
                            raise TruncatedError("a number reaches over the end")
                        stack.append(int.from_bytes(number, "little", signed=True))
                    elif op == STACK_GLOBAL:
                        name_ = self._name(stack.pop())
                        module_ = self._name(stack.pop())
                        if isinstance(module_, str) and isinstance(name_, str):
                            mapped = python3_name(module_, name_, protocol < _PYTHON2_PROTOCOLS)
                            stack.append(judge.imported(base + position - 1, *mapped))
                        else:
                            stack.append(judge.computed_import(base + position - 1, module_, name_))
                    elif op == NEWOBJ:
                        arguments = stack.pop()
                        stack[-1] = judge.instantiated(base + position - 1, stack[-1], arguments)
                    elif op == FRAME:
                        frame_end = self._frame(base + position, frame_end)
                        position += 8
                    elif op == PROTO:
                        protocol = data[position]
                        position += 1
                        if protocol > HIGHEST_PROTOCOL:
                            raise BreakError(f"protocol {protocol} does not exist")
                    elif op == FROZENSET:
                        items = stack
                        stack = marks.pop()
                        stack.append(PlainSet())
                        self._add_items(base + position - 1, stack[-1], PlainSet, items)
                    elif op in _LONG_BYTES:
                        position = self._skip_bytes(op, position, stack)
                    else:
                        position = self._rare(op, position, stack)

                elif op >= BINPUT:
                    if op == BINPUT:
                        index = data[position]
                        position += 1
                        if index == len(memo) and not sparse:
                            memo.append(stack[-1])
                        else:
                            self._put(index, stack[-1])
                    elif op == LONG_BINPUT:
                        index = _UNSIGNED(data, position)[0]
                        position += 4
                        if index == len(memo) and not sparse:
                            memo.append(stack[-1])
                        else:
                            self._put(index, stack[-1])
                    elif op == EMPTY_DICT:
                        made = PlainDict()
                        stack.append(made)
                        if data[position] == MEMOIZE and not sparse:
                            memo.append(made)
                            if data[position + 1] == MARK:
                                position += 2
                                marks.append(stack)
                                stack = []
                                fused += 2
                            else:
                                position += 1
                                fused += 1
                    elif op == SETITEMS:
                        items = stack
                        stack = marks.pop()
                        if len(items) % 2:
                            raise BreakError("an odd number of keys and values")
                        target = stack[-1]
                        if (
                            type(target) is PlainDict
                            and not target.items
                            and not target.held
                            and len(items) <= KEPT_ITEMS
                            and (
                                (named := items[::2]) == known
                                or (TEXTS.issuperset(map(type, named)) and keys.issuperset(named))
                            )
                        ):
                            known = named
                            target.items = items
                            for item in items[1::2]:
                                if type(item) not in UNARMED and hold_one(item):
                                    target.armed = True
                        else:
                            self._set_items(base + position - 1, target, items)
                    elif op == SETITEM:
                        value = stack.pop()
                        key = stack.pop()
                        target = stack[-1]
                        if (
                            type(target) is PlainDict
                            and type(key) is str
                            and key[:2] != "__"
                            and key not in WATCHED
                            and not target.held
                            and (type(value) in LEAVES or _goes_in(value, target))
                        ):
                            if not target.items:
                                target.items = [key, value]
                            elif len(target.items) < KEPT_ITEMS:
                                target.items = [*target.items, key, value]
                            else:
                                target.drop(value)
                        else:
                            self._set_items(base + position - 1, target, [key, value])
                    elif op == TUPLE:
                        items = stack
                        stack = marks.pop()
                        if len(items) <= KEPT_TUPLE and LEAVES.issuperset(map(type, items)):
                            stack.append(tuple(items))
                        else:
                            stack.append(self._tuple(items))
                    else:
                        raise BreakError(f"0x{op:02x} is no opcode")

                elif op >= GLOBAL:
                    if op == BINGET:
                        index = data[position]
                        position += 1
                        try:
                            stack.append(memo[index])
                        except IndexError:
                            stack.append(self._get(index))
                    elif op == APPENDS:
                        items = stack
                        stack = marks.pop()
                        target = stack[-1]
                        if (
                            type(target) is PlainList
                            and not target.items
                            and not target.held
                            and len(items) <= KEPT_ITEMS
                        ):
                            target.items = items
                            for item in items:
                                if type(item) not in UNARMED and hold_one(item):
                                    target.armed = True
                        else:
                            self._add_items(base + position - 1, target, PlainList, items)
                    elif op == PUT:
                        end = data.find(b"\n", position)
                        if end >= 0:
                            line, position = data[position:end], end + 1
                        else:
                            line, position = self._line(position)
                        index = memo_index(line) if 0 in line else int(line)
                        if index == len(memo) and not sparse:
                            memo.append(stack[-1])
                        else:
                            self._put(index, stack[-1])
                    elif op == GET:
                        end = data.find(b"\n", position)
                        if end >= 0:
                            line, position = data[position:end], end + 1
                        else:
                            line, position = self._line(position)
                        index = memo_index(line) if 0 in line else int(line)
                        stack.append(memo[index] if 0 <= index < len(memo) else self._get(index))
                    elif op == LONG_BINGET:
                        index = _UNSIGNED(data, position)[0]
                        position += 4
                        try:
                            stack.append(memo[index])
                        except IndexError:
                            stack.append(self._get(index))
                    elif op in _NAMED:
                        here = base + position - 1
                        module, name, position = self._name_lines(position)
                        mapped = python3_name(module, name, protocol < _PYTHON2_PROTOCOLS)
                        found = judge.imported(here, *mapped)
                        if op == INST:
                            arguments = self._tuple(stack)
                            stack = marks.pop()
                            stack.append(judge.called(here, found, arguments))
                        else:
                            stack.append(found)
                    elif op == DICT:
                        items = stack
                        stack = marks.pop()
                        if len(items) % 2:
                            raise BreakError("an odd number of keys and values")
                        stack.append(PlainDict())
                        if items:
                            self._set_items(base + position - 1, stack[-1], items)
                    elif op == LIST:
                        items = stack
                        stack = marks.pop()
                        stack.append(PlainList())
                        if items:
                            self._add_items(base + position - 1, stack[-1], PlainList, items)
                    elif op == OBJ:
                        cls = stack[0]
                        arguments = self._tuple(stack[1:])
                        stack = marks.pop()
                        stack.append(judge.called(base + position - 1, cls, arguments))
                    else:
                        raise BreakError(f"0x{op:02x} is no opcode")

                elif op > NONE:
                    if op == BINUNICODE:
                        length = _UNSIGNED(data, position)[0]
                        position += 4
                        if length <= SHORT_TEXT:
                            try:
                                stack.append(data[position : position + length].decode())
                            except UnicodeDecodeError:
                                stack.append(self._text(base + position, length))
                            texts += length
                        else:
                            stack.append(self._text(base + position, length))
                        if length >= LEAST_TEXT and opens_text(data, position, position + length):
                            self._carry_text(position, length)
                        position += length
                    elif op == EMPTY_LIST:
                        made = PlainList()
                        stack.append(made)
                        if data[position] == MEMOIZE and not sparse:
                            memo.append(made)
                            if data[position + 1] == MARK:
                                position += 2
                                marks.append(stack)
                                stack = []
                                fused += 2
                            else:
                                position += 1
                                fused += 1
                    elif op == APPEND:
                        value = stack.pop()
                        target = stack[-1]
                        if (
                            type(target) is PlainList
                            and not target.held
                            and (type(value) in UNARMED or _goes_in(value, target))
                        ):
                            if not target.items:
                                target.items = [value]
                            elif len(target.items) < KEPT_ITEMS:
                                target.items = [*target.items, value]
                            else:
                                target.more = True
                        else:
                            self._add_items(base + position - 1, target, PlainList, [value])
                    elif op == REDUCE:
                        arguments = stack.pop()
                        function = stack[-1]
                        again = None
                        if type(function) is Global and function.routine:
                            again = routine_result(function, arguments)
                        if again is None:
                            stack[-1] = judge.called(base + position - 1, function, arguments)
                        else:
                            stack[-1] = again
                    elif op == BUILD:
                        here = base + position - 1
                        state = stack.pop()
                        judge.built(here, stack[-1], state)
                        if self._wraps and is_wrapper(stack[-1]):
                            if here + 1 < frame_end:
                                judge.misframed(here, frame_end, "an array inside a frame")
                            end, array = self._wrapped_array(here + 1, state, stack, marks)
                            stack[-1] = array
                            position = end - base
                    elif op in _LINES:
                        end = data.find(b"\n", position)
                        if 0 <= end <= position + LONGEST_NAME:
                            stack.append(line_value(op, data[position:end]))
                            if end - position >= LEAST_TEXT:
                                self._carry_line(op, position, end - position, stack[-1])
                            position = end + 1
                        else:
                            position = self._long_line(op, position, stack)
                    elif op == BINPERSID:
                        if isinstance(stack[-1], Persistent):
                            raise BreakError("a persistent id is itself a persistent object")
                        stack[-1] = judge.persistent(base + position - 1, stack[-1])
                    elif op in _STRINGS:
                        length, position = self._length(op, position)
                        if length <= LONG_TEXT and position + length <= len(data):
                            stack.append(data[position : position + length].decode("latin-1"))
                        else:
                            stack.append(TextAt(base + position, length))
                        self._carry_string(position, length)
                        position += length
                    elif op == PERSID:
                        line, after = self._line(position)
                        stack.append(judge.persistent(base + position - 1, line.decode("ascii")))
                        position = after
                    else:
                        raise BreakError(f"0x{op:02x} is no opcode")

                elif op >= BININT1:
                    if op == BININT1:
                        stack.append(data[position])
                        position += 1
                    elif op == BININT2:
                        stack.append(data[position] | data[position + 1] << 8)
                        position += 2
                    elif op == NONE:
                        if data[position] == POP:
                            position += 1
                            fused += 1
                        else:
                            stack.append(None)
                    else:
                        position = self._long_line(op, position, stack)

                elif op >= FLOAT:
                    if op == BININT:
                        stack += _SIGNED(data, position)
                        position += 4
                    elif op == BINFLOAT:
                        stack += _DOUBLE(data, position)
                        position += 8
                    elif op == INT and data[position] > _ZERO:
                        end = data.find(b"\n", position)
                        if 0 <= end <= position + LONGEST_NAME:
                            line = data[position:end]
                            stack.append(int(line) if line.isdigit() else line_value(op, line))
                            position = end + 1
                        else:
                            position = self._long_line(op, position, stack)
                    elif op in _LINES:
                        end = data.find(b"\n", position)
                        if 0 <= end <= position + LONGEST_NAME:
                            stack.append(line_value(op, data[position:end]))
                            position = end + 1
                        else:
                            position = self._long_line(op, position, stack)
                    else:
                        raise BreakError(f"0x{op:02x} is no opcode")

                else:  # noqa: PLR5501 - one group of opcodes beside the others
                    if op == MARK:
                        marks.append(stack)
                        stack = []
                    elif op == EMPTY_TUPLE:
                        stack.append(())
                    elif op == POP:
                        if stack:
                            stack.pop()
                        else:
                            stack = marks.pop()
                    elif op == SHORT_BINBYTES:
                        length = data[position]
                        stack.append(BytesAt(base + position + 1, length))
                        if length >= LEAST_BYTES and data[position + 1] in OPENINGS:
                            self._carry_bytes(position + 1, length)
                        position += 1 + length
                        if position > refill and base + position > window.view.size:
                            raise TruncatedError("a payload reaches over the end")
                    elif op == DUP:
                        stack.append(stack[-1])
                    elif op == BINBYTES:
                        position = self._skip_bytes(op, position, stack)
                    elif op == POP_MARK:
                        stack = marks.pop()
                    elif op == STOP:
                        if fused > length_hint(steps):
                            break
                        self._weigh(stack, marks)
                        if base + position < frame_end:
                            judge.misframed(base + position - 1, frame_end, "an end inside a frame")
                        return stack.pop()
                    else:
                        raise BreakError(f"0x{op:02x} is no opcode")
            raise over_limit("opcodes", f"more than {self._budget.limits.opcodes} pickle opcodes")
        except IndexError as error:
            raise BreakError("the stack is empty or a mark is missing") from error
        finally:
            self.at = min(base + position, window.view.size)
            self.count = opcodes - length_hint(steps) + fused


def _goes_in(value: Value, target: Container) -> bool:
    """Tell an unarmed container or tuple of which nothing but the first items matters; hold it."""
    if isinstance(value, Container) and not value.armed:
        value.held = True
        return True
    return type(value) is tuple and len(target.items) < KEPT_ITEMS
