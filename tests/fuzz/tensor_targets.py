"""One function a tensor reader: any bytes give tensors whose bytes are there, or an error of the tree."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.attacks.scan_builders import Member, archive
from tests.scanners.tensors.weights import (
    FLOATS,
    Tensors,
    external,
    field,
    gguf,
    gguf_text,
    npy,
    onnx,
    onnx_tensor,
    safetensors,
)
from weightmark.errors import WeightmarkError
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.tensors import ITEM_SIZES, TensorTable
from weightmark.scanners.tensors.archives import TorchZipTensors, ZippedArrays
from weightmark.scanners.tensors.digests import entries_of
from weightmark.scanners.tensors.gguf import GgufTensors
from weightmark.scanners.tensors.interface import FileContent, ShardIndex, TensorReader
from weightmark.scanners.tensors.numpy_arrays import NumpyTensors
from weightmark.scanners.tensors.onnx import OnnxTensors
from weightmark.scanners.tensors.safetensors import PassingSafetensors, SafetensorsTensors
from weightmark.scanners.tensors.shard_index import ShardIndexReader
from weightmark.scanners.tensors.torch_checkpoints import TorchLegacyTensors

_PIECE = 7
_TWO: Tensors = {"a": ("F32", (2, 3), FLOATS), "b": ("U8", (2,), b"ab")}
_STATE = (
    b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
    b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x00K\x02K\x03\x86"
    b"K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtRs."
)
_LEGACY = (
    b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    b"\x80\x02M\xe9\x03."
    b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s." + _STATE + b"\x80\x02]X\x01\x00\x00\x000a."
    b"\x06\x00\x00\x00\x00\x00\x00\x00" + FLOATS
)


def gguf_tensors(data: bytes) -> None:
    _sound(GgufTensors(), data)


def npy_tensors(data: bytes) -> None:
    _sound(NumpyTensors(), data)


def npz_tensors(data: bytes) -> None:
    _sound(ZippedArrays(), data)


def onnx_tensors(data: bytes) -> None:
    _sound(OnnxTensors(), data)


def torch_tensors(data: bytes) -> None:
    _sound(TorchZipTensors(), data)


def torch_legacy_tensors(data: bytes) -> None:
    _sound(TorchLegacyTensors(), data)


def safetensors_tensors(data: bytes) -> None:
    """What passes by in pieces is what random access gives, errors included."""
    passed, read = _outcome(_passed, data), _outcome(_read, data)
    if isinstance(read, TensorTable) and isinstance(passed, TensorTable):
        assert passed.weights == read.weights
    else:
        assert type(passed) is type(read)


def shard_index(data: bytes) -> None:
    """No tensor ever lies outside of the folder."""
    found = ShardIndexReader().read(MemoryView(data))
    if found is not None:
        assert isinstance(found, ShardIndex)
        assert not any(".." in path.split("/") or path[:1] == "/" for path in found.files.values())


def _outcome(
    function: Callable[[bytes], TensorTable], data: bytes
) -> TensorTable | WeightmarkError:
    try:
        return function(data)
    except WeightmarkError as error:
        return error


def _passed(data: bytes) -> TensorTable:
    passing = PassingSafetensors(len(data))
    for at in range(0, len(data), _PIECE):
        passing.update(memoryview(data)[at : at + _PIECE])
    return TensorTable.of(passing.entries())


def _read(data: bytes) -> TensorTable:
    return _sound(SafetensorsTensors(), data)


def _sound(reader: TensorReader, data: bytes) -> TensorTable:
    """Read, and check that every tensor has the bytes that its type and shape ask for."""
    content = reader.read(MemoryView(data))
    if content is None:
        return TensorTable(())
    assert isinstance(content, FileContent)
    for one in content.external:
        assert not one.location.startswith("/")
        assert ".." not in one.location.split("/")
    for tensor in content.tensors:
        if tensor.dtype in ITEM_SIZES:
            count = 1
            for size in tensor.shape:
                count *= size
            assert tensor.size == count * ITEM_SIZES[tensor.dtype]
    table = TensorTable.of(entries_of(content.tensors, len(data)))
    for tensor, entry in zip(
        sorted(content.tensors, key=lambda one: one.name.encode("utf-8", "surrogatepass")),
        table.entries,
        strict=True,
    ):
        assert sum(map(len, tensor.blocks())) == entry.size
    return table


TENSOR_TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            gguf_tensors,
            npy_tensors,
            npz_tensors,
            onnx_tensors,
            safetensors_tensors,
            shard_index,
            torch_legacy_tensors,
            torch_tensors,
        )
    }
)
"""every target by its name"""

TENSOR_SEEDS: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "gguf_tensors": (
            gguf({"w": (0, (3, 2), FLOATS), "q": (8, (32,), bytes(34))}),
            gguf({"w": (1, (2,), b"abcd")}, keys=gguf_text("k") + b"\4\0\0\0\1\0\0\0", pairs=1),
        ),
        "npy_tensors": (npy("(2, 3)", FLOATS), npy("()", b"abcdefgh", ">i8")),
        "npz_tensors": (
            archive(Member(b"w.npy", npy("(2, 3)", FLOATS, fortran="True"))),
            archive(Member(b"w.npy", npy("(6,)", FLOATS), method=8)),
        ),
        "onnx_tensors": (
            onnx(onnx_tensor("w", 1, (2, 3), field(9, FLOATS))),
            onnx(onnx_tensor("w", 7, (2,), field(7, b"\x01\x02"))),
            onnx(onnx_tensor("w", 1, (6,), external(location="w.bin", offset="4"))),
        ),
        "safetensors_tensors": (safetensors(_TWO), safetensors({}), safetensors(_TWO, __metadata__={})),
        "shard_index": (b'{"metadata": {}, "weight_map": {"a": "x/one", "b": "two"}}', b"{}"),
        "torch_legacy_tensors": (_LEGACY,),
        "torch_tensors": (
            archive(Member(b"m/data.pkl", _STATE), Member(b"m/data/0", FLOATS)),
            archive(Member(b"m/data.pkl", _STATE, method=8), Member(b"m/data/0", FLOATS)),
        ),
    }
)  # fmt: skip
"""target to sound examples; none of them is refused"""
