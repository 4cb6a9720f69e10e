"""Tensors of GGUF files: shapes turned to C order, quantized blocks taken as they are stored.

Source: ggml `docs/gguf.md`, versions 2 and 3, and the checks of `gguf_init_from_file`.
"""

from math import prod
from typing import Final, Literal

from weightmark.errors import LimitError, MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.gguf import BLOCKS, VALUE_WIDTHS
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.tensors.interface import FileContent, TensorSource
from weightmark.scanners.tensors.stored import (
    PackedTensor,
    StoredTensor,
    c_order_strides,
    shown_key,
)
from weightmark.scanners.wire.window import Window
from weightmark.values import dataclass

__all__ = ["GgufTensors"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_LONGEST_TEXT = 1 << 16
_DEEPEST_ARRAY = 4
_MOST_DIMENSIONS = 4
_ALIGNMENT = 32
_LARGEST_ALIGNMENT = 1 << 20
_LEAST_RECORD = 12
_PLAIN = {
    0: "F32",
    1: "F16",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    30: "BF16",
}
"""types of single numbers (`ggml_type`), by the names of safetensors"""
_QUANTIZED = {
    2: "Q4_0",
    3: "Q4_1",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    9: "Q8_1",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    29: "IQ1_M",
    34: "TQ1_0",
    35: "TQ2_0",
    39: "MXFP4",
    40: "NVFP4",
}
"""types of blocks, by the names of ggml"""


@dataclass(frozen=True, slots=True)
class GgufTensors:
    """Reads a GGUF file."""

    name: Final[str] = "gguf"

    def recognises(self, head: bytes) -> bool:
        """Tell the magic bytes."""
        return head.startswith(_MAGIC)

    def read(self, view: ByteView) -> FileContent:
        """Return the tensors; see `TensorReader.read`."""
        version = view.read_at(4, 4)
        order: Literal["little", "big"] = "little" if any(version[:2]) else "big"
        if int.from_bytes(version, order) not in _VERSIONS:
            raise UnsupportedError("this version of GGUF is not read")
        header = _Header(Window(view), Budget(Limits.default()), order)
        infos = header.read()
        start = -(-header.at // header.alignment) * header.alignment
        _require_apart(infos, view.size - start)
        return FileContent(
            tuple(_source(one, Slice(view, start, view.size - start), order) for one in infos)
        )


@dataclass(frozen=True, slots=True)
class _Info:
    name: str
    shape: tuple[int, ...]
    kind: int
    start: int
    size: int


@dataclass(slots=True)
class _Header:
    window: Window
    budget: Budget
    order: Literal["little", "big"]
    at: int = 8
    alignment: int = _ALIGNMENT

    def read(self) -> list[_Info]:
        tensors, pairs = self._number(8), self._number(8)
        if (tensors + pairs) * _LEAST_RECORD > self.window.size:
            raise MalformedError(f"{tensors} tensors and {pairs} keys do not fit into the file")
        keys: set[str] = set()
        for _ in range(pairs):
            key = self._text()
            if key in keys:
                raise MalformedError(f"the key {shown_key(key)} stands twice in the file")
            keys.add(key)
            self._value(key)
        return [self._info() for _ in range(tensors)]

    def _value(self, key: str) -> None:
        kind = self._number(4)
        if key != "general.alignment":
            self._skip(kind, 0)
            return
        value = self._number(VALUE_WIDTHS.get(kind, 4))
        if not 0 < value <= _LARGEST_ALIGNMENT or value & (value - 1):
            raise MalformedError(f"tensors can't be aligned to {value} bytes")
        self.alignment = value

    def _skip(self, kind: int, depth: int) -> None:
        self.budget.spend_fields(1)
        if kind in VALUE_WIDTHS:
            self._move(VALUE_WIDTHS[kind])
        elif kind == _STRING:
            self._move(self._number(8))
        elif kind == _ARRAY:
            self._skip_array(depth)
        else:
            raise MalformedError(f"no GGUF value type {kind} exists (byte {self.at})")

    def _skip_array(self, depth: int) -> None:
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

    def _info(self) -> _Info:
        self.budget.spend_fields(1)
        name, dimensions = self._text(), self._number(4)
        if dimensions > _MOST_DIMENSIONS:
            raise MalformedError(f"{shown_key(name)} has {dimensions} dimensions")
        shape = tuple(self._number(8) for _ in range(dimensions))
        kind, start = self._number(4), self._number(8)
        if kind not in _PLAIN and kind not in _QUANTIZED:
            raise UnsupportedError(f"{shown_key(name)}: tensor type {kind} is not known")
        items, size = BLOCKS[kind]
        if (shape and shape[0] % items) or (not shape and items > 1):
            raise MalformedError(f"{shown_key(name)} ends inside of a block")
        if start % self.alignment:
            raise MalformedError(f"{shown_key(name)} is not aligned")
        return _Info(name, shape[::-1], kind, start, prod(shape) // items * size)

    def _text(self) -> str:
        size = self._number(8)
        if size > _LONGEST_TEXT:
            raise LimitError(f"a GGUF name is over {_LONGEST_TEXT} bytes")
        data = self._take(size)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError(f"the name at byte {self.at - size} is not UTF-8") from error

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), self.order)

    def _take(self, size: int) -> bytes:
        start = self.at
        self._move(size)
        return self.window.take(start, size)

    def _move(self, size: int) -> None:
        self.at += size
        if self.at > self.window.size:
            raise UncheckedError("the GGUF header reaches over the end of the file")


def _require_apart(infos: list[_Info], size: int) -> None:
    """Refuse tensors that share bytes or reach over the end."""
    at = 0
    for info in sorted(infos, key=lambda one: (one.start, one.size)):
        if info.start < at:
            raise MalformedError(f"{shown_key(info.name)} shares bytes with another tensor")
        at = info.start + info.size
        if at > size:
            raise UncheckedError(f"the file ends before {shown_key(info.name)} does")


def _source(info: _Info, data: ByteView, order: Literal["little", "big"]) -> TensorSource:
    part = Slice(data, info.start, info.size)
    if info.kind in _PLAIN:
        dtype = _PLAIN[info.kind]
        strides = c_order_strides(info.shape)
        swapped = order == "big"
        return StoredTensor.checked(
            StoredTensor(info.name, dtype, info.shape, strides, 0, part, swapped)
        )
    if order == "big":
        raise UnsupportedError(f"{shown_key(info.name)}: quantized blocks are stored big-endian")
    return PackedTensor(info.name, _QUANTIZED[info.kind], info.shape, part)
