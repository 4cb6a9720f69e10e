"""The header of a safetensors file, read from bytes that were checked before.

Source: the format section of the safetensors README.
"""

from collections.abc import Mapping
from typing import Self

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.tensors import ITEM_SIZES
from weightmark.scanners.formats.safetensors import Tensor, read_header, read_tensor
from weightmark.scanners.limits import Limits
from weightmark.values import dataclass

__all__ = ["LENGTH_FIELD", "Layout", "header_end"]

LENGTH_FIELD = 8
"""bytes before the header that hold its length, little-endian"""
_METADATA = "__metadata__"
_MOST_DIMENSIONS = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """What a header says."""

    data_at: int
    """first byte after the header"""
    tensors: Mapping[str, Tensor]
    """by name, in the order of the header; offsets count from `data_at`"""
    metadata: Mapping[str, str]
    """free text of the publisher"""

    @classmethod
    def parse(cls, head: bytes, size: int) -> Self:
        """Read length field and header of a file of `size` bytes, strictly.

        Raises `MalformedError` unless the tensors fill the rest of the file without gaps or
        overlaps, and `LimitError`.
        """
        end = header_end(head[:LENGTH_FIELD], size)
        header = read_header(MemoryView(head), Limits.default().header, end - LENGTH_FIELD)
        if isinstance(header, str):
            raise MalformedError(f"the safetensors header is not understood: {header}")
        metadata = header.pop(_METADATA, {})
        if not isinstance(metadata, dict) or not all(
            isinstance(value, str) for value in metadata.values()
        ):
            raise MalformedError("the metadata of the safetensors header are no texts")
        tensors = {name: _tensor(name, entry) for name, entry in header.items()}
        _require_filled(tensors, size - end)
        return cls(end, tensors, metadata)


def header_end(prefix: bytes, size: int) -> int:
    """Return the first byte after the header of a file of `size` bytes, by its length field.

    Raises `MalformedError` for a header that does not lie in the file, `LimitError` for a huge one.
    """
    length = int.from_bytes(prefix, "little")
    if len(prefix) != LENGTH_FIELD or LENGTH_FIELD + length > size:
        raise MalformedError("the safetensors header reaches over the end of the file")
    limit = Limits.default().header
    if length > limit:
        raise LimitError(f"the safetensors header is over {limit} bytes")
    return LENGTH_FIELD + length


def _tensor(name: str, entry: object) -> Tensor:
    tensor = read_tensor(name, entry)
    if isinstance(tensor, str):
        raise MalformedError(f"the entry of {_shown(name)} is not understood: {tensor}")
    if len(tensor.shape) > _MOST_DIMENSIONS:
        raise LimitError(f"{_shown(name)} has over {_MOST_DIMENSIONS} dimensions")
    size = ITEM_SIZES.get(tensor.dtype)
    for dimension in tensor.shape:
        size = None if size is None else size * dimension
    if size not in (None, tensor.end - tensor.start):
        raise MalformedError(f"{_shown(name)} has another size than its shape and type say")
    return tensor


def _require_filled(tensors: Mapping[str, Tensor], size: int) -> None:
    at = 0
    for one in sorted(tensors.values(), key=lambda one: (one.start, one.end)):
        if one.start != at:
            raise MalformedError(f"{_shown(one.name)} does not begin where the data before end")
        at = one.end
    if at != size:
        raise MalformedError("the tensors do not fill the safetensors file")


def _shown(name: str) -> str:
    return f"`{escape_path(name[:80])}`"
