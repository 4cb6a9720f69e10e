"""Every format that is read, in the order in which a file is tried."""

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.tensors.archives import TorchZipTensors, ZippedArrays
from weightmark.scanners.tensors.gguf import GgufTensors
from weightmark.scanners.tensors.interface import HEAD, FileContent, ShardIndex, TensorReader
from weightmark.scanners.tensors.numpy_arrays import NumpyTensors
from weightmark.scanners.tensors.onnx import OnnxTensors
from weightmark.scanners.tensors.safetensors import SafetensorsTensors
from weightmark.scanners.tensors.shard_index import ShardIndexReader
from weightmark.scanners.tensors.torch_checkpoints import TorchLegacyTensors
from weightmark.scanners.tensors.unread_formats import (
    may_be_unread_weights,
    refuse_unread_weights,
)

__all__ = ["READERS", "may_hold_tensors", "read_content"]

READERS: tuple[TensorReader, ...] = (
    SafetensorsTensors(),
    GgufTensors(),
    NumpyTensors(),
    TorchZipTensors(),
    ZippedArrays(),
    TorchLegacyTensors(),
    ShardIndexReader(),
    OnnxTensors(),
)
"""one an entry; the first that takes a file reads it"""


def may_hold_tensors(head: bytes) -> bool:
    """Tell from the first `HEAD` bytes whether any format may be meant."""
    return any(reader.recognises(head) for reader in READERS) or may_be_unread_weights(head)


def read_content(view: ByteView) -> tuple[str, FileContent | ShardIndex] | None:
    """Return the format and what the file holds; None for a file of no such format.

    Raises as `TensorReader.read`, and `UnsupportedError` for what may hold weights and is not read.
    """
    head = view.read_at(0, HEAD)
    for reader in READERS:
        if reader.recognises(head):
            content = reader.read(view)
            if content is not None:
                return reader.name, content
    refuse_unread_weights(view, head)
    return None
