"""GGUF, the format of llama.cpp: keys and values, a list of tensors, then aligned data.

Source: ggml `docs/gguf.md`, versions 2 and 3, and the checks of `gguf_init_from_file`.
"""

from dataclasses import field
from math import prod
from typing import Final, Literal

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.limits import Budget, over_limit
from weightmark.scanners.repository.templates import report_template
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["BLOCKS", "VALUE_WIDTHS", "GgufReader"]

_MAGIC = b"GGUF"
_HEADER = 24
_VERSIONS = (2, 3)
_STRING, _ARRAY, _BOOL = 8, 9, 7
VALUE_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""bytes of each value type that has a fixed width"""
_DEEPEST_ARRAY = 4
_MOST_DIMENSIONS = 4
_LONGEST_KEY = 1 << 16
_DEFAULT_ALIGNMENT = 32
_LARGEST_ALIGNMENT = 1 << 20
_LARGEST = 1 << 63
BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 40),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
    40: (64, 36),
}
"""elements and bytes of one block of each tensor type (`ggml_type`)"""


@dataclass(frozen=True, slots=True)
class GgufReader:
    """Reads the header, judges the chat templates in it, and checks that the tensors fit."""

    name: Final[str] = "gguf"

    def read(self, place: Place, examination: Examination) -> bool:
        """Walk the header; see `FormatReader.read`."""
        if not place.head.startswith(_MAGIC) or len(place.head) < _HEADER:
            return False
        view = resident(place.view, examination.limits)
        order: Literal["little", "big"] = "little"
        version = int.from_bytes(place.head[4:8], order)
        if version & 0xFFFF == 0:
            order = "big"
            version = int.from_bytes(place.head[4:8], order)
        if version not in _VERSIONS:
            raise UnsupportedError(f"GGUF version {version} is not read here")
        with malformed_as("GGF001", place, examination):
            _Walk(Window(view), examination.budget, order, place, examination).run()
        return True


@dataclass(slots=True)
class _Walk:
    window: Window
    budget: Budget
    order: Literal["little", "big"]
    place: Place
    examination: Examination
    at: int = 8
    alignment: int = _DEFAULT_ALIGNMENT
    keys: set[str] = field(default_factory=set)

    def run(self) -> None:
        tensors, pairs = self._number(8), self._number(8)
        if (tensors + pairs) * 12 > self.window.size:
            raise MalformedError(f"{tensors} tensors and {pairs} keys do not fit into the file")
        for _ in range(pairs):
            self._pair()
        spans = [self._tensor() for _ in range(tensors)]
        start = -(-self.at // self.alignment) * self.alignment
        self._check_layout(sorted(span for span in spans if span), start)

    def _pair(self) -> None:
        key, kind = self._text(_LONGEST_KEY), self._number(4)
        if key in self.keys:
            self.examination.find("GGF002", self.place, offset=self.at, detail=f"`{key[:80]}`")
        self.keys.add(key)
        if "chat_template" in key:
            self._templates(key, kind)
        elif key == "general.alignment":
            value = self._number(VALUE_WIDTHS.get(kind, 4))
            if not 0 < value <= _LARGEST_ALIGNMENT or value & (value - 1):
                raise MalformedError(f"tensors can't be aligned to {value} bytes")
            self.alignment = value
        else:
            self._skip(kind, 0)

    def _templates(self, key: str, kind: int) -> None:
        limit = self.examination.limits.template
        if kind == _STRING:
            report_template(self._text(4 * limit), key, self.place, self.examination)
        elif kind == _ARRAY:
            below, count = self._number(4), self._number(8)
            for _ in range(count):
                if below != _STRING:
                    self._skip(below, 1)
                    continue
                text = self._text(4 * limit)
                if "chat_templates" not in key:
                    report_template(text, key, self.place, self.examination)
        else:
            self._skip(kind, 0)

    def _skip(self, kind: int, depth: int) -> None:
        """Pass over one value."""
        self.budget.spend_fields(1)
        if kind in VALUE_WIDTHS:
            self._move(VALUE_WIDTHS[kind])
        elif kind == _STRING:
            self._move(self._number(8))
        elif kind == _ARRAY:
            if depth >= _DEEPEST_ARRAY:
                raise LimitError(f"GGUF arrays are nested deeper than {_DEEPEST_ARRAY} levels")
            below, count = self._number(4), self._number(8)
            if below in VALUE_WIDTHS:
                self._move(VALUE_WIDTHS[below] * count)
                return
            if count * 8 > self.window.size:
                raise MalformedError(f"an array of {count} values does not fit into the file")
            for _ in range(count):
                self._skip(below, depth + 1)
        else:
            raise MalformedError(f"no GGUF value type {kind} exists (byte {self.at})")

    def _tensor(self) -> tuple[int, int, str] | None:
        """Return where a tensor's data lie, relative to all data; None for a type not known here."""
        self.budget.spend_fields(1)
        name, dimensions = self._text(_LONGEST_KEY), self._number(4)
        if dimensions > _MOST_DIMENSIONS:
            raise MalformedError(f"tensor `{name[:80]}` has {dimensions} dimensions")
        shape = [self._number(8) for _ in range(dimensions)]
        kind, offset = self._number(4), self._number(8)
        count = prod(shape)
        if count >= _LARGEST or any(size >= _LARGEST for size in shape):
            raise MalformedError(f"tensor `{name[:80]}` has {count} elements")
        if offset % self.alignment:
            raise MalformedError(f"tensor `{name[:80]}` is not aligned")
        if kind not in BLOCKS:
            self.examination.problem(f"tensor type {kind} is not known here", self.place)
            return None
        elements, size = BLOCKS[kind]
        if shape and shape[0] % elements:
            raise MalformedError(f"tensor `{name[:80]}` ends inside of a block")
        return offset, offset + count // elements * size, name

    def _check_layout(self, spans: list[tuple[int, int, str]], start: int) -> None:
        at = 0
        for begin, end, name in spans:
            if begin < at:
                self.examination.find("GGF003", self.place, detail=f"`{name[:80]}` at {begin}")
            at = max(at, end)
        total = start + at if spans else self.at
        if total > self.window.size:
            self.examination.problem("the GGUF file ends before its tensors do", self.place)
        elif self.window.size - total >= max(self.alignment, _DEFAULT_ALIGNMENT):
            rest = self.window.size - total
            self.examination.find("GGF004", self.place, offset=total, detail=f"{rest} bytes")

    def _text(self, limit: int) -> str:
        size = self._number(8)
        if self.at + size > self.window.size:
            raise MalformedError(f"a text at byte {self.at} reaches over the end of the file")
        if size > limit:
            raise over_limit("template", f"a GGUF text is over {limit} bytes")
        data = self.window.take(self.at, size)
        self.at += size
        return data.decode("utf-8", "replace")

    def _number(self, width: int) -> int:
        data = self.window.take(self.at, width)
        self.at += width
        return int.from_bytes(data, self.order)

    def _move(self, size: int) -> None:
        self.at += size
        if self.at > self.window.size:
            raise MalformedError("a value reaches over the end of the file")
