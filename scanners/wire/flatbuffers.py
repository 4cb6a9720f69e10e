"""FlatBuffers without a schema: tables, vectors and texts, every offset checked.

Source: flatbuffers.dev, "FlatBuffer Internals".
"""

import sys
from array import array

from weightmark.errors import LimitError, MalformedError
from weightmark.scanners.limits import Budget
from weightmark.scanners.wire.window import Window
from weightmark.values import dataclass

__all__ = ["Table", "root_table"]

_LONGEST_TEXT = 1 << 16


@dataclass(frozen=True, slots=True)
class Table:
    """One table; fields are named by their number in the schema."""

    window: Window
    """the file"""
    budget: Budget
    """what may still be read"""
    start: int
    """where it begins"""
    fields: tuple[int, ...]
    """offset of each field from the start, 0 where it is absent"""

    @classmethod
    def at(cls, window: Window, budget: Budget, start: int) -> "Table":
        """Read the table at an offset; raises `MalformedError` where there can be none."""
        budget.spend_fields(1)
        back = int.from_bytes(window.take(start, 4), "little", signed=True)
        virtual = start - back
        size = window.number(virtual, 2)
        if size < 4 or size % 2:  # noqa: PLR2004 - two sizes stand before the offsets
            raise MalformedError(f"no FlatBuffers table stands at byte {start}")
        raw = window.take(virtual, size)[4:]
        offsets = tuple(int.from_bytes(raw[i : i + 2], "little") for i in range(0, len(raw), 2))
        return cls(window, budget, start, offsets)

    def number(self, field: int, width: int, default: int = 0) -> int:
        """Return a number, or its default where the field is absent."""
        at = self._field(field)
        return default if at is None else self.window.number(at, width)

    def text(self, field: int) -> str:
        """Return a text, empty where it is absent; raises `LimitError` when it is long."""
        at = self._target(field)
        if at is None:
            return ""
        size = self.window.number(at, 4)
        if size > _LONGEST_TEXT:
            raise LimitError(f"a name is over {_LONGEST_TEXT} bytes")
        return self.window.take(at + 4, size).decode("utf-8", "replace")

    def table(self, field: int) -> "Table | None":
        """Return the table of a field, or None where it is absent."""
        at = self._target(field)
        return None if at is None else Table.at(self.window, self.budget, at)

    def tables(self, field: int) -> list["Table"]:
        """Return the tables of a vector, none where it is absent."""
        at = self._target(field)
        if at is None:
            return []
        count = self._count(at, 4)
        starts = (at + 4 + 4 * index for index in range(count))
        return [Table.at(self.window, self.budget, self._follow(start)) for start in starts]

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Return where a vector of plain values begins and how many there are."""
        at = self._target(field)
        return (0, 0) if at is None else (at + 4, self._count(at, width))

    def numbers(self, field: int, code: str) -> "array[int]":
        """Return a vector of whole numbers, as the type `code` of `array` has them; empty where it is absent."""
        found = array(code)
        start, count = self.vector(field, found.itemsize)
        self.budget.spend_fields(count)
        found.frombytes(self.window.take(start, count * found.itemsize))
        if sys.byteorder == "big":
            found.byteswap()
        return found

    def _count(self, at: int, width: int) -> int:
        count = self.window.number(at, 4)
        if at + 4 + count * width > self.window.size:
            raise MalformedError(f"a vector at byte {at} reaches over the end of the file")
        self.budget.spend_fields(1)
        return count

    def _field(self, field: int) -> int | None:
        if field >= len(self.fields) or not self.fields[field]:
            return None
        return self.start + self.fields[field]

    def _target(self, field: int) -> int | None:
        at = self._field(field)
        return None if at is None else self._follow(at)

    def _follow(self, at: int) -> int:
        return at + self.window.number(at, 4)


def root_table(window: Window, budget: Budget, start: int = 0) -> Table:
    """Return the table that the file begins with."""
    return Table.at(window, budget, start + window.number(start, 4))
