"""What an ExecuTorch program refers to: segments, operators, values and constants that must be there.

Source: ExecuTorch `schema/program.fbs`. The runtime checks little of this unless it was built to.
"""

from collections.abc import Iterator

from weightmark.scanners.wire.flatbuffers import Table
from weightmark.values import dataclass

__all__ = ["program_faults"]

_PLANS, _CONSTANTS, _INLINE, _SEGMENTS, _CONSTANT_SEGMENT, _NAMED = 1, 2, 3, 4, 5, 7
"""fields of `Program`"""
_META, _VALUES, _INPUTS, _OUTPUTS, _CHAINS, _OPERATORS, _DELEGATES, _MEMORY = range(1, 9)
"""fields of `ExecutionPlan`"""
_INSTRUCTIONS = 2
_KERNEL, _DELEGATE, _MOVE, _JUMP = range(1, 5)
"""kinds of `InstructionArguments`"""
_TENSOR = 5
"""the kind of a value that is a tensor"""
_SIZES, _ORDER, _BUFFER, _ALLOCATION, _MORE = 2, 3, 5, 6, 9
"""fields of `Tensor`"""
_LOCATION, _EXTERNAL = 2, 1
"""the field of `ExtraTensorInfo` that says where the data are, and its value for another file"""
_IN_SEGMENT = 1


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many of everything there are in a plan."""

    values: int
    operators: int
    delegates: int
    instructions: int


def program_faults(program: Table, base: int, size: int) -> Iterator[str]:
    """Yield what a program refers to and does not have.

    `base` is where segments begin, `size` how long the file is.
    """
    segments = program.tables(_SEGMENTS)
    for index, segment in enumerate(segments):
        if base + segment.number(0, 8) + segment.number(1, 8) > size:
            yield f"segment {index} lies outside of the file"
    inline = len(program.tables(_INLINE))
    constants = len(program.tables(_CONSTANTS))
    if (constant := program.table(_CONSTANT_SEGMENT)) is not None and constant.vector(1, 8)[1]:
        constants = constant.vector(1, 8)[1]
        if constant.number(0, 4) >= len(segments):
            yield "the constants are in a segment that is not there"
    for named in program.tables(_NAMED):
        if named.number(1, 4) >= len(segments):
            yield "named data are in a segment that is not there"
    for plan in program.tables(_PLANS):
        yield from _delegate_faults(plan, len(segments), inline)
        yield from _plan_faults(plan, constants)


def _delegate_faults(plan: Table, segments: int, inline: int) -> Iterator[str]:
    for delegate in plan.tables(_DELEGATES):
        where = delegate.table(1)
        if where is None:
            continue
        there = segments if where.number(0, 1) == _IN_SEGMENT else inline
        if where.number(1, 4) >= there:
            yield "what a backend runs is not there"


def _plan_faults(plan: Table, constants: int) -> Iterator[str]:
    values = plan.tables(_VALUES)
    operators, delegates = len(plan.tables(_OPERATORS)), len(plan.tables(_DELEGATES))
    for field in (_INPUTS, _OUTPUTS):
        if any(not 0 <= one < len(values) for one in plan.numbers(field, "i")):
            yield "an input or output is not there"
    _touch(plan)
    for value in values:
        tensor = value.table(1)
        if tensor is None or value.number(0, 1) != _TENSOR:
            continue
        tensor.vector(_SIZES, 4)
        tensor.vector(_ORDER, 1)
        if _needs_constant(tensor) >= max(1, constants):
            yield "a tensor's constant is not there"
    for chain in plan.tables(_CHAINS):
        instructions = chain.tables(_INSTRUCTIONS)
        counts = _Counts(len(values), operators, delegates, len(instructions))
        for instruction in instructions:
            arguments = instruction.table(1)
            if arguments is not None:
                yield from _call_faults(instruction.number(0, 1), arguments, counts)


def _touch(plan: Table) -> None:
    """Read what nothing else asks for, so that a file that was cut off shows it."""
    plan.text(0)
    plan.vector(_MEMORY, 8)
    meta = plan.table(_META)
    if meta is not None:
        meta.text(0)
        meta.text(1)


def _needs_constant(tensor: Table) -> int:
    """Return which constant a tensor is; 0 for one in memory or in a file of its own."""
    more = tensor.table(_MORE)
    is_outside = more is not None and more.number(_LOCATION, 1) == _EXTERNAL
    is_constant = tensor.table(_ALLOCATION) is None and not is_outside
    return tensor.number(_BUFFER, 4) if is_constant else 0


def _call_faults(kind: int, arguments: Table, counts: _Counts) -> Iterator[str]:
    first, second = arguments.number(0, 4), arguments.number(1, 4) if kind > _DELEGATE else 0
    called = {_KERNEL: counts.operators, _DELEGATE: counts.delegates}.get(kind, counts.values)
    if first >= called:
        yield "an instruction refers to what is not there"
    if kind in (_KERNEL, _DELEGATE):
        if any(not -1 <= one < counts.values for one in arguments.numbers(1, "i")):
            yield "an argument is not there"
    elif (kind == _MOVE and second >= counts.values) or (
        kind == _JUMP and second > counts.instructions
    ):
        yield "an instruction leads to what is not there"
