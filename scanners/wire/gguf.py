"""The header of a GGUF file, walked once for whoever asks: keys and values, then a list of tensors.

Source: ggml `docs/gguf.md`, versions 2 and 3, and the checks of `gguf_init_from_file`.
"""

from collections.abc import Iterator
from math import prod
from typing import Literal

from weightmark.errors import LimitError, MalformedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.limits import Budget, over_limit
from weightmark.scanners.wire.window import Window
from weightmark.values import dataclass

__all__ = ["GGUF_LEAST", "GGUF_MAGIC", "GgufHeader", "GgufKey", "GgufTensor", "GgufType"]

GGUF_MAGIC = b"GGUF"
GGUF_LEAST = 24
"""bytes of the shortest header: magic number, version, two counts"""
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""bytes of each value type that has a fixed width"""
_WHOLE = frozenset({0, 1, 2, 3, 4, 5, 10, 11})
"""value types of whole numbers"""
_DEEPEST_ARRAY = 4
_MOST_DIMENSIONS = 4
_LONGEST_NAME = 1 << 16
_LEAST_RECORD = 12
_ALIGNMENT = 32
_LARGEST_ALIGNMENT = 1 << 20
_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True)
class GgufType:
    """How the items of a tensor are stored (`ggml_type`)."""

    name: str
    """as ggml calls it"""
    items: int
    """items in a block"""
    size: int
    """bytes of a block"""

    @property
    def is_packed(self) -> bool:
        """Whether several items share a block."""
        return self.items > 1


_TYPES = {
    number: GgufType(name, items, size)
    for number, name, items, size in (
        (0, "F32", 1, 4),
        (1, "F16", 1, 2),
        (2, "Q4_0", 32, 18),
        (3, "Q4_1", 32, 20),
        (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24),
        (8, "Q8_0", 32, 34),
        (9, "Q8_1", 32, 40),
        (10, "Q2_K", 256, 84),
        (11, "Q3_K", 256, 110),
        (12, "Q4_K", 256, 144),
        (13, "Q5_K", 256, 176),
        (14, "Q6_K", 256, 210),
        (15, "Q8_K", 256, 292),
        (16, "IQ2_XXS", 256, 66),
        (17, "IQ2_XS", 256, 74),
        (18, "IQ3_XXS", 256, 98),
        (19, "IQ1_S", 256, 50),
        (20, "IQ4_NL", 32, 18),
        (21, "IQ3_S", 256, 110),
        (22, "IQ2_S", 256, 82),
        (23, "IQ4_XS", 256, 136),
        (24, "I8", 1, 1),
        (25, "I16", 1, 2),
        (26, "I32", 1, 4),
        (27, "I64", 1, 8),
        (28, "F64", 1, 8),
        (29, "IQ1_M", 256, 56),
        (30, "BF16", 1, 2),
        (34, "TQ1_0", 256, 54),
        (35, "TQ2_0", 256, 66),
        (39, "MXFP4", 32, 17),
        (40, "NVFP4", 64, 36),
    )
}


@dataclass(frozen=True, slots=True)
class GgufKey:
    """One key, and where its value stands."""

    name: str
    """the key"""
    start: int
    """offset of the value"""
    kind: int
    """number of the value's type"""
    items: int
    """type of the items of an array, or -1"""
    count: int
    """how many items an array has, or 1"""

    @property
    def is_text(self) -> bool:
        """Whether the value is a text, or an array of texts."""
        return _STRING in (self.kind, self.items)


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One entry of the list of tensors."""

    name: str
    """the key"""
    shape: tuple[int, ...]
    """dimensions as they are written: the fastest first"""
    kind: int
    """number of the type"""
    type: GgufType | None
    """how it is stored; None for a type that is not known here"""
    start: int
    """first byte, counted from the start of all data"""
    size: int
    """bytes; 0 for a type that is not known here"""


class GgufHeader:
    """Walks one header from its start: first `pairs` to the end, then `tensors` to the end.

    Raises `MalformedError` for what contradicts the format or the size of the file, `LimitError` for
    names that are too long and arrays that are nested too deeply.
    """

    def __init__(self, view: ByteView, budget: Budget) -> None:
        """Begin; raises `UnsupportedError` for another version."""
        self.order: Literal["little", "big"] = "little"
        """byte order of all numbers"""
        self.alignment = _ALIGNMENT
        """bytes to which tensors are aligned; known once the keys were walked"""
        self.is_cut_off = False
        """whether the header reached over the end of the file"""
        self._window, self._budget = Window(view), budget
        self._at = len(GGUF_MAGIC)
        version = self._window.peek(self._at, 4)
        if len(version) == 4 and not any(version[:2]):  # noqa: PLR2004 - bytes of a version
            self.order = "big"
        number = self._number(4)
        if number not in _VERSIONS:
            raise UnsupportedError(f"GGUF version {number} is not read here")
        self._tensors, self._keys = self._number(8), self._number(8)
        if (self._tensors + self._keys) * _LEAST_RECORD > self._window.size:
            raise MalformedError(
                f"{self._tensors} tensors and {self._keys} keys do not fit into the file"
            )

    @property
    def tensor_count(self) -> int:
        """How many tensors the header says that it lists."""
        return self._tensors

    @property
    def end(self) -> int:
        """Offset behind what was walked so far."""
        return self._at

    @property
    def data_start(self) -> int:
        """Offset of all data, once the tensors were walked."""
        return -(-self._at // self.alignment) * self.alignment

    def pairs(self) -> Iterator[GgufKey]:
        """Yield each key; its value may be asked for until the next one."""
        for _ in range(self._keys):
            name, kind = self._name(), self._number(4)
            start, items, count = self._at, -1, 1
            if kind == _ARRAY:
                items, count = self._number(4), self._number(8)
                self._at = start
            key = GgufKey(name, start, kind, items, count)
            self._skip(kind, 0)
            if name == "general.alignment":
                self._align(key)
            yield key

    def templates(self, key: GgufKey, longest: int) -> Iterator[str]:
        """Yield the template of a key, or each of an array; raises `LimitError` over `longest` bytes."""
        at = key.start + (0 if key.kind == _STRING else 12)
        for _ in range(key.count if key.is_text else 0):
            size = int.from_bytes(self._window.take(at, 8), self.order)
            if size > longest:
                raise over_limit("template", f"a GGUF text is over {longest} bytes")
            yield self._window.take(at + 8, size).decode("utf-8", "replace")
            at += 8 + size

    def number(self, key: GgufKey) -> int | None:
        """Return the value of a key if it is a whole number."""
        if key.kind not in _WHOLE:
            return None
        return int.from_bytes(self._window.take(key.start, _WIDTHS[key.kind]), self.order)

    def tensors(self) -> Iterator[GgufTensor]:
        """Yield each tensor."""
        for _ in range(self._tensors):
            self._budget.spend_fields(1)
            name, dimensions = self._name(), self._number(4)
            if dimensions > _MOST_DIMENSIONS:
                raise MalformedError(f"tensor `{name[:80]}` has {dimensions} dimensions")
            shape = tuple(self._number(8) for _ in range(dimensions))
            yield self._tensor(name, shape, self._number(4), self._number(8))

    def _tensor(self, name: str, shape: tuple[int, ...], kind: int, start: int) -> GgufTensor:
        count = prod(shape)
        if count >= _LARGEST or any(size >= _LARGEST for size in shape):
            raise MalformedError(f"tensor `{name[:80]}` has {count} elements")
        if start % self.alignment:
            raise MalformedError(f"tensor `{name[:80]}` is not aligned")
        known = _TYPES.get(kind)
        size = 0
        if known:
            if (shape[0] if shape else 1) % known.items:
                raise MalformedError(f"tensor `{name[:80]}` ends inside of a block")
            size = count // known.items * known.size
        return GgufTensor(name, shape, kind, known, start, size)

    def _align(self, key: GgufKey) -> None:
        value = self.number(key) or 0
        if not 0 < value <= _LARGEST_ALIGNMENT or value & (value - 1):
            raise MalformedError(f"tensors can't be aligned to {value} bytes")
        self.alignment = value

    def _skip(self, kind: int, depth: int) -> None:
        """Pass over one value."""
        self._budget.spend_fields(1)
        if kind in _WIDTHS:
            self._move(_WIDTHS[kind])
        elif kind == _STRING:
            self._move(self._number(8))
        elif kind == _ARRAY:
            self._skip_array(depth)
        else:
            raise MalformedError(f"no GGUF value type {kind} exists (byte {self._at})")

    def _skip_array(self, depth: int) -> None:
        if depth >= _DEEPEST_ARRAY:
            raise MalformedError(f"GGUF arrays are nested deeper than {_DEEPEST_ARRAY} levels")
        below, count = self._number(4), self._number(8)
        if below in _WIDTHS:
            self._move(_WIDTHS[below] * count)
            return
        if count * 8 > self._window.size:
            raise MalformedError(f"an array of {count} values does not fit into the file")
        for _ in range(count):
            self._skip(below, depth + 1)

    def _name(self) -> str:
        size = self._number(8)
        start = self._at
        self._move(size)
        if size > _LONGEST_NAME:
            raise LimitError(f"a GGUF name is over {_LONGEST_NAME} bytes")
        try:
            return self._window.take(start, size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError(f"the name at byte {start} is not UTF-8") from error

    def _number(self, width: int) -> int:
        start = self._at
        self._move(width)
        return int.from_bytes(self._window.take(start, width), self.order)

    def _move(self, size: int) -> None:
        if self._at + size > self._window.size:
            self.is_cut_off = True
            raise MalformedError("the GGUF header reaches over the end of the file")
        self._at += size
