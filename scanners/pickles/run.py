"""One pickle from its first opcode to its end."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget
from weightmark.scanners.pickles.broken import BreakError, TruncatedError
from weightmark.scanners.pickles.judge import Judge
from weightmark.scanners.pickles.machine import Machine
from weightmark.scanners.pickles.values import Value
from weightmark.values import dataclass

__all__ = ["Run", "run"]


@dataclass(frozen=True, slots=True)
class Run:
    """How one pickle ended."""

    end: int
    """the offset after `STOP`, or where it broke off"""
    opcodes: int
    """opcodes that were executed"""
    error: str = ""
    """why a loader would stop here; empty after `STOP`"""
    truncated: bool = False
    """whether it broke off because the bytes ended"""
    result: Value = None
    """what the pickle stands for"""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the search for reference cycles, which walks all symbolic values again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def run(view: ByteView, start: int, judge: Judge, budget: Budget) -> Run:
    """Run the pickle that begins at `start`, up to its `STOP` or to where a loader fails.

    Raises `LimitError` when the pickle costs more than `budget` has left.
    """
    machine = Machine(view, judge, budget)
    try:
        with _uncollected():
            try:
                result = machine.execute(start)
            finally:
                machine.forget()
    except BreakError as error:
        truncated = isinstance(error, TruncatedError)
        return Run(machine.at, machine.count, str(error), truncated=truncated)
    except IndexError:
        return Run(machine.at, machine.count, "the stack is empty")
    except (UnicodeDecodeError, ValueError, OverflowError) as error:
        return Run(machine.at, machine.count, f"a value cannot be decoded: {error}"[:200])
    finally:
        budget.opcodes -= machine.count
    return Run(machine.at, machine.count, result=result)
