"""Tensors of GGUF files: shapes turned to C order, quantized blocks taken as they are stored."""

from typing import Final, Literal

from weightmark.errors import MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.tensors.interface import FileContent, TensorSource
from weightmark.scanners.tensors.stored import (
    PackedTensor,
    StoredTensor,
    c_order_strides,
    shown_key,
)
from weightmark.scanners.wire.gguf import GGUF_LEAST, GGUF_MAGIC, GgufHeader, GgufTensor
from weightmark.values import dataclass

__all__ = ["GgufTensors"]


@dataclass(frozen=True, slots=True)
class GgufTensors:
    """Reads a GGUF file."""

    name: Final[str] = "gguf"

    def recognises(self, head: bytes) -> bool:
        """Tell the magic bytes."""
        return head.startswith(GGUF_MAGIC)

    def read(self, view: ByteView) -> FileContent:
        """Return the tensors; see `TensorReader.read`."""
        if view.size < GGUF_LEAST:
            raise UncheckedError("the GGUF header reaches over the end of the file")
        header = GgufHeader(view, Budget(Limits.default()))
        try:
            tensors = _listed(header)
        except MalformedError as error:
            if header.is_cut_off:
                raise UncheckedError(error.what) from error
            raise
        start = header.data_start
        _require_apart(tensors, view.size - start)
        data = Slice(view, start, view.size - start)
        return FileContent(tuple(_source(one, data, header.order) for one in tensors))


def _listed(header: GgufHeader) -> list[GgufTensor]:
    seen: set[str] = set()
    for key in header.pairs():
        if key.name in seen:
            raise MalformedError(f"the key {shown_key(key.name)} stands twice in the file")
        seen.add(key.name)
    return list(header.tensors())


def _require_apart(tensors: list[GgufTensor], size: int) -> None:
    """Refuse tensors of an unknown type, that share bytes, or that reach over the end."""
    at = 0
    for one in sorted(tensors, key=lambda one: (one.start, one.size)):
        if one.type is None:
            raise UnsupportedError(f"{shown_key(one.name)}: tensor type {one.kind} is not known")
        if one.start < at:
            raise MalformedError(f"{shown_key(one.name)} shares bytes with another tensor")
        at = one.start + one.size
        if at > size:
            raise UncheckedError(f"the file ends before {shown_key(one.name)} does")


def _source(tensor: GgufTensor, data: ByteView, order: Literal["little", "big"]) -> TensorSource:
    part = Slice(data, tensor.start, tensor.size)
    shape = tensor.shape[::-1]
    stored = tensor.type
    if stored is None:
        raise UnsupportedError(f"{shown_key(tensor.name)}: tensor type {tensor.kind} is not known")
    if not stored.is_packed:
        strides, swapped = c_order_strides(shape), order == "big"
        return StoredTensor.checked(
            StoredTensor(tensor.name, stored.name, shape, strides, 0, part, swapped)
        )
    if order == "big":
        raise UnsupportedError(f"{shown_key(tensor.name)}: quantized blocks are stored big-endian")
    return PackedTensor(tensor.name, stored.name, shape, part)
