"""A tensor as it is stored: a part of some bytes, seen through an offset and strides."""

from array import array
from collections.abc import Hashable, Iterator
from math import prod

from weightmark.errors import LimitError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.tensors import ITEM_SIZES
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.tensors.scattered import (
    ITEM_LETTERS,
    Dimension,
    gathered,
    normal_dimensions,
)
from weightmark.values import dataclass

__all__ = ["NameBudget", "PackedTensor", "StoredTensor", "c_order_strides", "shown_key"]

_BLOCK = 4 * MEBIBYTE
_MOST_DIMENSIONS = 64
_SHOWN = 200
_LONGEST_NAME = 4096
_ALL_NAMES = 64 * MEBIBYTE


class NameBudget:
    """Counts the characters of the names in one file."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._left = _ALL_NAMES

    def spend(self, name: str) -> str:
        """Return the name; raises `LimitError` when it is too long, or all of them together are."""
        self._left -= len(name)
        if len(name) > _LONGEST_NAME:
            raise LimitError(f"the name of a tensor has over {_LONGEST_NAME} characters")
        if self._left < 0:
            raise LimitError(f"the names of the tensors have over {_ALL_NAMES} characters")
        return name


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where one tensor lies; made by `checked` only."""

    name: str
    """its key"""
    dtype: str
    """a key of `ITEM_SIZES`"""
    shape: tuple[int, ...]
    """dimensions"""
    strides: tuple[int, ...]
    """items from one index to the next, for each dimension"""
    offset: int
    """the first item, counted from the beginning of the storage"""
    storage: ByteView
    """the bytes, shared with other tensors perhaps"""
    swapped: bool = False
    """whether the items are stored big-endian"""

    @classmethod
    def checked(cls, tensor: "StoredTensor") -> "StoredTensor":
        """Return the tensor once every item lies inside the storage and none is repeated by strides.

        Raises `UncheckedError` where the storage ends early, and `UnsupportedError`: an expanded tensor
        would grow without bound when it is written.
        """
        shape, strides = tensor.shape, tensor.strides
        key = shown_key(tensor.name)
        if len(shape) != len(strides) or len(shape) > _MOST_DIMENSIONS:
            raise UnsupportedError(f"{key}: the shape and the strides of the tensor do not fit")
        if tensor.offset < 0 or any(number < 0 for number in (*shape, *strides)):
            raise UnsupportedError(f"{key}: a size, stride or offset of the tensor is negative")
        if not tensor.count:
            return tensor
        last = tensor.offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if (last + 1) * tensor.item_size > tensor.storage.size:
            raise UncheckedError(f"{key}: the tensor reaches over the end of its storage")
        if tensor.count * tensor.item_size > tensor.storage.size:
            raise UnsupportedError(
                f"{key}: the tensor is larger than what is stored of it",
                why="it was expanded, or its items overlap",
                fix="save a contiguous copy of it",
            )
        return tensor

    @property
    def item_size(self) -> int:
        """Bytes of one item."""
        return ITEM_SIZES[self.dtype]

    @property
    def count(self) -> int:
        """Items."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.item_size

    @property
    def place(self) -> tuple[int, int, tuple[int, ...], tuple[int, ...], str]:
        """What makes two names one tensor."""
        return (id(self.storage), self.offset, self.shape, self.strides, self.dtype)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in C order, little-endian; raises `UncheckedError` where they end early."""
        if not self.count:
            return
        dimensions = normal_dimensions(self.shape, self.strides)
        whole = [Dimension(self.count, 1)] if self.count > 1 else []
        if dimensions == whole:
            parts = self._runs()
        else:
            parts = gathered(
                self.storage, self.offset, dimensions, self.item_size, shown_key(self.name)
            )
        for part in parts:
            yield _byteswapped(part, self.item_size) if self.swapped else part

    def _runs(self) -> Iterator[bytes]:
        at, end = self.offset * self.item_size, self.offset * self.item_size + self.size
        while at < end:
            block = self.storage.read_at(at, min(_BLOCK, end - at))
            if not block or len(block) % self.item_size:
                raise UncheckedError(f"{shown_key(self.name)}: the stored bytes end early")
            yield block
            at += len(block)


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """A tensor whose bytes are taken as they are stored, such as one of quantized blocks."""

    name: str
    """its key"""
    dtype: str
    """the name that the format has for the type"""
    shape: tuple[int, ...]
    """dimensions"""
    storage: ByteView
    """its bytes and no others"""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.storage.size

    @property
    def place(self) -> Hashable:
        """What makes two names one tensor."""
        return (id(self.storage), self.shape, self.dtype)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes; raises `UncheckedError` where they end early."""
        at = 0
        while at < self.size:
            block = self.storage.read_at(at, min(_BLOCK, self.size - at))
            if not block:
                raise UncheckedError(f"{shown_key(self.name)}: the stored bytes end early")
            yield block
            at += len(block)


def c_order_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of a contiguous tensor, in items."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def shown_key(name: str) -> str:
    """Return a key as errors show it."""
    return f"`{name[:_SHOWN]}`"


def _byteswapped(block: bytes, item_size: int) -> bytes:
    if item_size == 1:
        return block
    items = array(ITEM_LETTERS[item_size], block)
    items.byteswap()
    return items.tobytes()
