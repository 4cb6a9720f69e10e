"""safetensors files, written without gaps."""

import json
from collections.abc import Iterator, Sequence

from weightmark.errors import LimitError, UnsupportedError
from weightmark.scanners.tensors.stored import StoredTensor

__all__ = ["safetensors_blocks"]

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
