"""safetensors: a JSON header, then the tensors without gaps, read by random access or as they pass by.

Source: the format section of the safetensors README, and the checks of its Rust reader.
"""

from itertools import pairwise
from math import prod

from weightmark.errors import MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.tensors import ITEM_SIZES, TensorEntry
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.safetensors import Tensor, read_header, read_tensor
from weightmark.scanners.limits import Limits
from weightmark.scanners.tensors.interface import FileContent, TensorSource
from weightmark.scanners.tensors.ranges import ByteRange, RangeSink
from weightmark.scanners.tensors.stored import (
    PackedTensor,
    StoredTensor,
    c_order_strides,
    shown_key,
)
from weightmark.values import dataclass

__all__ = ["PassingSafetensors", "SafetensorsTensors", "safetensors_tensors"]

_PREFIX = 8
_IMPLAUSIBLE = 1 << 40
_BYTE = 8
_PACKED_BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}


@dataclass(frozen=True, slots=True)
class SafetensorsTensors:
    """Reads a safetensors file."""

    name: str = "safetensors"

    def recognises(self, head: bytes) -> bool:
        """Tell a length that a header can have, and the brace that begins it."""
        length = int.from_bytes(head[:_PREFIX], "little")
        return head[_PREFIX : _PREFIX + 1] == b"{" and length < _IMPLAUSIBLE

    def read(self, view: ByteView) -> FileContent:
        """Return the tensors; see `TensorReader.read`."""
        return FileContent(tuple(safetensors_tensors(view)))


def safetensors_tensors(view: ByteView) -> list[TensorSource]:
    """Return the tensors of a file, in the order of the header; raises as `TensorReader.read`."""
    length = _header_length(view.read_at(0, _PREFIX), view.size)
    data = Slice(view, _PREFIX + length, view.size - _PREFIX - length)
    return [_source(one, data) for one in _checked(view, length)]


class PassingSafetensors:
    """Takes the blocks of a safetensors file in order and hashes each tensor while it passes by."""

    def __init__(self, size: int) -> None:
        """Begin with the first byte of a file of `size` bytes."""
        self._size = size
        self._head = bytearray()
        self._data_at = 0
        self._tensors: tuple[Tensor, ...] = ()
        self._ranges: RangeSink | None = None

    def update(self, block: memoryview, /) -> None:
        """Take the next block; raises as `TensorReader.read` once the header has passed."""
        if self._ranges is None:
            block = self._collect(block)
        if self._ranges is not None:
            self._ranges.update(block)

    def entries(self) -> list[TensorEntry]:
        """Return the tensors once the file ended; raises `UncheckedError` when it ended early."""
        if self._ranges is None:
            raise UncheckedError("the safetensors header reaches over the end of the file")
        digests = self._ranges.hexdigests()
        return [
            TensorEntry(one.name, one.dtype, one.shape, one.end - one.start, digests[_range(one)])
            for one in self._tensors
        ]

    def _collect(self, block: memoryview) -> memoryview:
        """Keep what belongs to the header, and return what does not."""
        if len(self._head) < _PREFIX:
            part, block = block[: _PREFIX - len(self._head)], block[_PREFIX - len(self._head) :]
            self._head += part
            if len(self._head) == _PREFIX:
                self._data_at = _PREFIX + _header_length(bytes(self._head), self._size)
        wanted = max(0, self._data_at - len(self._head))
        self._head += block[:wanted]
        if self._data_at and len(self._head) == self._data_at:
            self._begin()
        return block[wanted:]

    def _begin(self) -> None:
        length = self._data_at - _PREFIX
        self._tensors = _checked(MemoryView(bytes(self._head)), length, self._size)
        self._ranges = RangeSink(_range(one) for one in self._tensors)
        self._head.clear()


def _range(tensor: Tensor) -> ByteRange:
    return ByteRange(tensor.start, tensor.end)


def _header_length(prefix: bytes, size: int) -> int:
    length = int.from_bytes(prefix, "little")
    if len(prefix) < _PREFIX or _PREFIX + length > size:
        raise UncheckedError("the safetensors header reaches over the end of the file")
    return length


def _checked(view: ByteView, length: int, size: int | None = None) -> tuple[Tensor, ...]:
    """Return the entries of the header once they fill the data and leave nothing out."""
    header = read_header(view, Limits.default().header, length)
    if isinstance(header, str):
        raise MalformedError(f"the safetensors header is not understood: {header}")
    header.pop("__metadata__", None)
    tensors = tuple(_entry(name, entry) for name, entry in header.items())
    data = (view.size if size is None else size) - _PREFIX - length
    ends = [0]
    for before, after in pairwise([Tensor("", "", (), 0, 0), *sorted(tensors, key=_range)]):
        if after.start != before.end:
            raise MalformedError(
                f"{shown_key(after.name)} does not begin where the data before end"
            )
        ends.append(after.end)
    if ends[-1] > data:
        raise UncheckedError("the safetensors file ends before its tensors do")
    if ends[-1] < data:
        raise MalformedError(f"{data - ends[-1]} bytes of the file belong to no tensor")
    return tensors


def _entry(name: str, entry: object) -> Tensor:
    tensor = read_tensor(name, entry)
    if isinstance(tensor, str):
        raise MalformedError(f"the entry of {shown_key(name)} is not understood: {tensor}")
    bits = _PACKED_BITS.get(tensor.dtype, _BYTE * ITEM_SIZES.get(tensor.dtype, 0))
    if not bits:
        raise UnsupportedError(f"{shown_key(name)}: the type `{tensor.dtype[:40]}` is not known")
    if prod(tensor.shape) * bits != _BYTE * (tensor.end - tensor.start):
        raise MalformedError(f"{shown_key(name)} has another size than its shape and type say")
    return tensor


def _source(tensor: Tensor, data: ByteView) -> TensorSource:
    part = Slice(data, tensor.start, tensor.end - tensor.start)
    if tensor.dtype in _PACKED_BITS:
        return PackedTensor(tensor.name, tensor.dtype, tensor.shape, part)
    strides = c_order_strides(tensor.shape)
    return StoredTensor.checked(
        StoredTensor(tensor.name, tensor.dtype, tensor.shape, strides, 0, part)
    )
