"""The opcodes of protocols 2 to 5 that few pickles hold, outside the machine's loop."""

from weightmark.scanners.pickles.broken import BreakError
from weightmark.scanners.pickles.inline_arrays import InlineArrays
from weightmark.scanners.pickles.opcodes import (
    BINUNICODE8,
    EXT1,
    EXT2,
    EXT4,
    LONG4,
    NEWOBJ_EX,
    NEXT_BUFFER,
    READONLY_BUFFER,
)
from weightmark.scanners.pickles.values import Unknown, Value

__all__ = ["RareOpcodes"]

_EXTENSIONS = {EXT1: 1, EXT2: 2, EXT4: 4}
"""bytes of the code of an extension"""


class RareOpcodes(InlineArrays):
    """What each of them does to the stack."""

    __slots__ = ()

    def _rare(self, op: int, position: int, stack: list[Value]) -> int:
        """Do what `op` says, whose operand is at `position`; return the position after it.

        Raises `BreakError` if it is no opcode.
        """
        window, judge = self._window, self._judge
        here = window.base + position - 1
        if op == LONG4:
            return self._long_number(op, position, stack)
        if op == BINUNICODE8:
            length, position = self._length(op, position)
            stack.append(self._text(window.base + position, length))
            self._carry_text(position, length)
            return position + length
        if op in _EXTENSIONS:
            after = position + _EXTENSIONS[op]
            code = int.from_bytes(window.data[position:after], "little", signed=op == EXT4)
            stack.append(judge.extension(here, code))
            return after
        if op == NEWOBJ_EX:
            keywords = stack.pop()
            arguments = stack.pop()
            if isinstance(arguments, tuple):
                arguments = self._tuple([*arguments, keywords])
            stack[-1] = judge.instantiated(here, stack[-1], arguments)
        elif op == NEXT_BUFFER:
            stack.append(Unknown("buffer from outside"))
        elif op != READONLY_BUFFER:
            raise BreakError(f"0x{op:02x} is no opcode")
        elif not stack:
            raise BreakError("the stack is empty")
        return position
