"""safetensors files: written without gaps, and read back to see what was written."""

import json
from collections.abc import Iterator, Sequence

from weightmark.errors import LimitError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.convert.stored_tensors import StoredTensor, c_order_strides
from weightmark.scanners.formats.safetensors import read_header

__all__ = ["safetensors_blocks", "safetensors_tensors"]

_LOADERS_LIMIT = 100_000_000
_ALIGNMENT = 8
_PREFIX = 8
_METADATA = "__metadata__"


def safetensors_blocks(tensors: Sequence[StoredTensor]) -> Iterator[bytes]:
    """Yield the file: larger items first, so that each tensor is aligned, then by name.

    Raises `UnsupportedError` for a name that the format can't hold, `LimitError` for too many.
    """
    ordered = sorted(tensors, key=lambda one: (-one.item_size, one.name.encode("utf-8", "replace")))
    header: dict[str, object] = {}
    at = 0
    for tensor in ordered:
        if tensor.name == _METADATA or any(0xD800 <= ord(c) < 0xE000 for c in tensor.name):  # noqa: PLR2004 - surrogates
            raise UnsupportedError(f"safetensors can't hold a tensor called `{tensor.name!a}`")
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.size],
        }
        at += tensor.size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    if len(text) > _LOADERS_LIMIT:
        raise LimitError("the header of the safetensors file would be longer than loaders accept")
    yield len(text).to_bytes(_PREFIX, "little") + text
    for tensor in ordered:
        yield from tensor.blocks()


def safetensors_tensors(view: ByteView) -> list[StoredTensor]:
    """Return the tensors of a safetensors file; raises `UnsupportedError` for a header that lies."""
    length = int.from_bytes(view.read_at(0, _PREFIX), "little")
    header = read_header(view, _LOADERS_LIMIT, length)
    if isinstance(header, str):
        raise UnsupportedError(f"the safetensors file is not understood: {header}")
    header.pop(_METADATA, None)
    data = Slice(view, _PREFIX + length, max(0, view.size - _PREFIX - length))
    return [_tensor(name, entry, data) for name, entry in header.items()]


def _tensor(name: str, entry: dict[str, object], data: ByteView) -> StoredTensor:
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list):
        raise UnsupportedError("the safetensors header is not understood")
    start, end = offsets
    sizes = tuple(shape)
    part = Slice(data, start, end - start)
    return StoredTensor.checked(StoredTensor(name, dtype, sizes, c_order_strides(sizes), 0, part))
