"""Small weight files, assembled as bytes."""

import json
import struct
from typing import Any

from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.tensors import TensorTable
from weightmark.scanners.tensors.catalogue import read_content
from weightmark.scanners.tensors.digests import table_of
from weightmark.scanners.tensors.interface import FileContent

FLOATS = struct.pack("<6f", 0, 1, 2, 3, 4, 5)
Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]
"""name to type, shape and bytes"""


def safetensors(tensors: Tensors, **changes: Any) -> bytes:
    """Return a file of tensors; `changes` replace whole entries of the header."""
    header: dict[str, Any] = {}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header | changes).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def gguf_text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf(
    tensors: dict[str, tuple[int, tuple[int, ...], bytes]],
    *,
    keys: bytes = b"",
    pairs: int = 0,
    count: int | None = None,
    offsets: dict[str, int] | None = None,
) -> bytes:
    """Return a GGUF file; shapes are as GGUF writes them, the fastest dimension first."""
    infos, data = b"", b""
    for name, (kind, shape, content) in tensors.items():
        at = (offsets or {}).get(name, len(data))
        infos += gguf_text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos += struct.pack("<IQ", kind, at)
        data += content + bytes(-len(content) % 32)
    number = len(tensors) if count is None else count
    head = b"GGUF" + struct.pack("<IQQ", 3, number, pairs) + keys + infos
    return head + bytes(-len(head) % 32) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def onnx_tensor(name: str, kind: int, shape: tuple[int, ...], *more: bytes) -> bytes:
    dims = b"".join(field(1, size) for size in shape)
    return dims + field(2, kind) + b"".join(more) + field(8, name.encode())


def external(**said: str) -> bytes:
    """Return the fields by which a tensor says where its data lie."""
    entries = [field(1, key.encode()) + field(2, value.encode()) for key, value in said.items()]
    return b"".join(field(13, entry) for entry in entries) + field(14, 1)


def onnx(*initializers: bytes, nodes: bytes = b"") -> bytes:
    node = field(1, field(4, b"Identity") + field(2, b"out"))
    graph = node + nodes + b"".join(field(5, one) for one in initializers)
    return field(1, 8) + field(7, graph)


def npy(shape: str, data: bytes, descr: str = "<f4", fortran: str = "False") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def table(data: bytes) -> TensorTable:
    """Return the tensors of a file that holds its own bytes."""
    found = read_content(MemoryView(data))
    assert found is not None
    assert isinstance(found[1], FileContent)
    assert not found[1].external
    return table_of(found[1].tensors)


def plain(dtype: str = "F32", shape: tuple[int, ...] = (2, 3), data: bytes = FLOATS) -> TensorTable:
    """Return the table of one tensor called `w`."""
    return table(safetensors({"w": (dtype, shape, data)}))
