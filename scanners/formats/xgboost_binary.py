"""XGBoost's own binary format, written before version 1.6: parameters, trees or weights, attributes.

Source: XGBoost 0.90, `src/learner.cc`, `src/gbm/gbtree_model.h`, `src/gbm/gblinear_model.h` and
`include/xgboost/tree_model.h`. Its loader reserves memory for whatever the file counts.
"""

import re
from typing import Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.trailing import report_program_behind
from weightmark.scanners.limits import Budget
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["XgboostBinaryReader"]

_MAGIC = b"binf"
_PARAMETERS = 136
_HAS_ATTRIBUTES_AT, _HAS_METRICS_AT = 12, 16
_OBJECTIVE = re.compile(rb"[a-z]+[a-z0-9_:-]*")
_BOOSTERS = (b"dart", b"gblinear", b"gbtree")
_LONGEST_WORD = 64
_TREES, _TREE, _NODE = 160, 148, 20 + 16
_NODES_AT, _LEAF_VECTOR_AT = 4, 20
_LINEAR = 136
_NUMBER = 4
_COUNT = 8


@dataclass(frozen=True, slots=True)
class XgboostBinaryReader:
    """Follows every count, and looks at what stands behind the model."""

    name: Final[str] = "xgboost-binary"

    def read(self, place: Place, examination: Examination) -> bool:
        """Check that the counts fit; see `FormatReader.read`."""
        start = len(_MAGIC) if place.head.startswith(_MAGIC) else 0
        words = _words(place.head[start:])
        if words is None:
            return False
        booster, behind = words
        view = resident(place.view, examination.limits)
        walk = _Walk(Window(view), examination.budget, start + behind)
        with malformed_as("BST001", place, examination):
            walk.model(booster, start)
            if walk.at < view.size:
                detail = f"{view.size - walk.at} bytes"
                examination.find("PKL013", place, offset=walk.at, detail=detail)
                report_program_behind(place, walk.at, examination)
        return True


def _words(head: bytes) -> tuple[bytes, int] | None:
    """Return the booster, and the offset behind its name; None where no such model begins."""
    objective, at = _word(head, _PARAMETERS)
    booster, end = _word(head, at)
    is_model = _OBJECTIVE.fullmatch(objective) is not None and booster in _BOOSTERS
    return (booster, end) if is_model else None


def _word(head: bytes, at: int) -> tuple[bytes, int]:
    size = int.from_bytes(head[at : at + _COUNT], "little")
    at += _COUNT
    return (head[at : at + size], at + size) if size <= _LONGEST_WORD else (b"", at)


@dataclass(slots=True)
class _Walk:
    window: Window
    budget: Budget
    at: int

    def model(self, booster: bytes, start: int) -> None:
        """Walk to the end of the model; raises `MalformedError` where it can't be."""
        if booster == b"gblinear":
            self._move(_LINEAR)
            self._move(_NUMBER * self._count())
        else:
            self._trees()
            if booster == b"dart":
                self._move(_NUMBER * self._count())
        if self.window.number(start + _HAS_ATTRIBUTES_AT, _NUMBER):
            self._texts(2 * self._count())
        if self.window.number(start + _HAS_METRICS_AT, _NUMBER):
            self._texts(self._count())

    def _trees(self) -> None:
        count = self.window.number(self.at, _NUMBER)
        self._move(_TREES)
        if count * _TREE > self.window.size:
            raise MalformedError(f"{count} trees do not fit into the file")
        for _ in range(count):
            self.budget.spend_fields(1)
            nodes = self.window.number(self.at + _NODES_AT, _NUMBER)
            has_vector = self.window.number(self.at + _LEAF_VECTOR_AT, _NUMBER)
            self._move(_TREE + nodes * _NODE)
            if has_vector:
                self._move(_NUMBER * self._count())
        self._move(_NUMBER * count)

    def _texts(self, count: int) -> None:
        if count * _COUNT > self.window.size:
            raise MalformedError(f"{count} texts do not fit into the file")
        for _ in range(count):
            self.budget.spend_fields(1)
            self._move(self._count())

    def _count(self) -> int:
        count = self.window.number(self.at, _COUNT)
        self._move(_COUNT)
        return count

    def _move(self, size: int) -> None:
        self.at += size
        if self.at > self.window.size:
            raise MalformedError("the model reaches over the end of the file")
