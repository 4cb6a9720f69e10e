"""Going on after an array of joblib, whose bytes or whose own pickle stand among the opcodes."""

from collections.abc import Mapping
from itertools import chain

from weightmark.scanners.pickles.broken import BreakError, TruncatedError
from weightmark.scanners.pickles.opcodes import OPCODES
from weightmark.scanners.pickles.openings import HEAD
from weightmark.scanners.pickles.operands import Operands
from weightmark.scanners.pickles.snapshot import Snapshot, WatchedMemo, is_unknown
from weightmark.scanners.pickles.values import Call, Global, Instance, Value
from weightmark.scanners.pickles.wrapped_arrays import WRAPPER, LieError, layout

__all__ = ["InlineArrays", "is_wrapper"]

_STANDING = 4
"""opcodes that looking at a value on the stack costs"""


class InlineArrays(Operands):
    """What a machine does where an array stands among the opcodes, in both ways to read it."""

    __slots__ = ()

    def execute(
        self, start: int, stack: list[Value] | None = None, marks: list[list[Value]] | None = None
    ) -> Value:
        """Run opcodes; see `Machine.execute`."""
        raise NotImplementedError

    def _wrapped_array(
        self, start: int, state: Value, stack: list[Value], marks: list[list[Value]]
    ) -> tuple[int, Value]:
        """Return where the opcodes go on after an array of joblib, and what `joblib.load` makes."""
        try:
            found = layout(state)
        except LieError as error:
            self._judge.lied(start, str(error))
            raise
        if found.objects:
            return self._nested_pickle(start, stack, marks)
        self._read_on(start, stack, marks)
        view = self._window.view
        padding = int.from_bytes(view.read_at(start, 1), "little") + 1 if found.padded else 0
        end = start + padding + found.size
        if end > view.size:
            raise TruncatedError("an array of joblib reaches over the end")
        begin = start + padding
        self._judge.carry(begin, found.size, view.read_at(begin, min(found.size, HEAD)))
        return end, Instance(None, built=True)

    def _nested_pickle(
        self, start: int, stack: list[Value], marks: list[list[Value]]
    ) -> tuple[int, Value]:
        """Run the pickle of an array of objects, which has a memo of its own; then read on as well."""
        machine = type(self)(self._window.view, self._judge, self._budget, wraps=False)
        with self._judge.noting_imports() as imports:
            try:
                value = machine.execute(start)
            finally:
                self._budget.opcodes -= machine.count
                self._read_on(start, stack, marks, imports)
        return machine.at, value

    def _read_on(
        self,
        start: int,
        stack: list[Value],
        marks: list[list[Value]],
        imports: Mapping[int, Global] | None = None,
    ) -> None:
        """Read on as `pickle.load` would, which knows no arrays in between.

        Where a pickle follows, only what is dangerous, unknown or computed counts: its memo is
        another one, so the names that it takes from there mean nothing. `imports` are those of that
        pickle by itself. Values are left as they were: what this reading does to them never happens
        in the other one.
        """
        first = self._window.view.read_at(start, 1)
        if not first or first[0] not in OPCODES:
            return
        judge = self._judge.second_reading(imports or {})
        machine = type(self)(self._window.view, judge, self._budget, wraps=False)
        memo = machine.recall(self._memo, self._sparse)
        standing = [*self._sparse.values(), *stack, *chain(*marks)]
        kept = Snapshot([*self._memo, *standing])
        unknown = any(map(is_unknown, standing))
        try:
            machine.execute(start, list(stack), [list(mark) for mark in marks])
        except (BreakError, IndexError, UnicodeDecodeError, ValueError, OverflowError):
            pass
        finally:
            self._budget.opcodes -= machine.count + len(self._memo) + _STANDING * len(standing)
            kept.restore()
        unknown = unknown or memo.touched or any(map(is_unknown, judge.globals))
        if (
            judge.reaches_danger()
            or judge.computes()
            or (judge.acted and (unknown or imports is None))
        ):
            judge.report()

    def recall(self, memo: list[Value], sparse: dict[int, Value]) -> WatchedMemo:
        """Begin with a copy of another machine's memo, and return it."""
        self._memo = watched = WatchedMemo(memo)
        self._sparse = dict(sparse)
        return watched


def is_wrapper(value: Value) -> bool:
    """Tell the object after which `joblib.load` reads an array."""
    of = value.of if isinstance(value, (Call, Instance)) else None
    return of is not None and (of.module, of.name) == WRAPPER
