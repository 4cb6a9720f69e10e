"""Binary model files assembled field by field: protobuf, GGUF, FlatBuffers, MessagePack."""

import struct
from collections.abc import Sequence


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sized(number: int, content: bytes | str) -> bytes:
    """A protobuf field of bytes, a text or a message."""
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def plain(number: int, value: int) -> bytes:
    """A protobuf field with a number."""
    return varint(number << 3) + varint(value)


def onnx_tensor(location: str = "", **more: str) -> bytes:
    pairs = {"location": location, **more} if location else more
    entries = b"".join(sized(13, sized(1, key) + sized(2, value)) for key, value in pairs.items())
    return plain(1, 1) + plain(2, 1) + sized(8, "w") + entries + plain(14, 1)


def onnx_node(operator: str, domain: str = "", *attributes: bytes) -> bytes:
    joined = b"".join(sized(5, attribute) for attribute in attributes)
    return sized(1, "x") + sized(2, "y") + sized(4, operator) + joined + sized(7, domain)


def onnx_graph(*nodes: bytes, more: bytes = b"") -> bytes:
    return b"".join(sized(1, node) for node in nodes) + sized(2, "g") + more


def onnx_model(graph: bytes, more: bytes = b"") -> bytes:
    opset = sized(8, sized(1, "") + plain(2, 18))
    return plain(1, 10) + sized(2, "pytorch") + sized(7, graph) + opset + more


def tf_node(
    operator: str, name: str = "n", inputs: Sequence[str] = (), **texts: str | bytes
) -> bytes:
    """A node; a text attribute is written as such, bytes as a ready `AttrValue`."""
    out = sized(1, name) + sized(2, operator) + b"".join(sized(3, item) for item in inputs)
    for key, text in texts.items():
        value = sized(2, text) if isinstance(text, str) else text
        out += sized(5, sized(1, key) + sized(2, value))
    return out


def tf_const(name: str, text: str) -> bytes:
    return tf_node("Const", name, value=sized(8, plain(1, 7) + sized(8, text)))


def tf_graph(*nodes: bytes, functions: Sequence[bytes] = ()) -> bytes:
    out = b"".join(sized(1, node) for node in nodes)
    return out + (sized(2, b"".join(sized(1, one) for one in functions)) if functions else b"")


def tf_function(name: str, *nodes: bytes) -> bytes:
    return sized(1, sized(1, name)) + b"".join(sized(3, node) for node in nodes)


def meta_graph(graph: bytes, more: bytes = b"") -> bytes:
    return sized(1, sized(4, "serve")) + sized(2, graph) + more


def saved_model(*graphs: bytes) -> bytes:
    return plain(1, 1) + b"".join(sized(2, graph) for graph in graphs)


def gguf_text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_pair(key: str, kind: int, value: bytes) -> bytes:
    return gguf_text(key) + struct.pack("<I", kind) + value


def gguf_tensor(name: str, shape: Sequence[int], kind: int = 0, offset: int = 0) -> bytes:
    sizes = struct.pack(f"<{len(shape)}Q", *shape)
    return (
        gguf_text(name) + struct.pack("<I", len(shape)) + sizes + struct.pack("<IQ", kind, offset)
    )


def gguf(
    pairs: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    counts: tuple[int, int] | None = None,
) -> bytes:
    said = counts or (len(tensors), len(pairs))
    head = b"GGUF" + struct.pack("<IQQ", 3, *said) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def flat_table(fields: dict[int, bytes]) -> bytes:
    """A table whose fields are four bytes each, its list of offsets before it."""
    count = max(fields, default=-1) + 1
    offsets, at = [], 4
    for field in range(count):
        offsets.append(at if field in fields else 0)
        at += 4 if field in fields else 0
    virtual = struct.pack(f"<HH{count}H", 4 + 2 * count, at, *offsets)
    virtual += bytes(-len(virtual) % 4)
    body = b"".join(fields[field] for field in sorted(fields))
    return virtual + struct.pack("<i", len(virtual)) + body


Flat = dict[int, object]
"""fields of a FlatBuffers table by number: numbers, texts, bytes, tables, lists of tables or texts"""


def flatbuffer(identifier: bytes, root: Flat) -> bytes:
    """A whole file, each part behind what refers to it."""
    out = bytearray(struct.pack("<I4s", 0, identifier))
    out[:4] = struct.pack("<I", _flat_table(out, root))
    return bytes(out)


def _flat_table(out: bytearray, fields: Flat) -> int:
    out += bytes(-len(out) % 4)
    virtual, count = len(out), max(fields, default=-1) + 1
    slots = {number: 4 + 4 * index for index, number in enumerate(sorted(fields))}
    offsets = [slots.get(number, 0) for number in range(count)]
    out += struct.pack(f"<HH{count}H", 4 + 2 * count, 4 + 4 * len(fields), *offsets)
    out += bytes(-len(out) % 4)
    start = len(out)
    out += struct.pack("<i", start - virtual) + bytes(4 * len(fields))
    for number, at in slots.items():
        _flat_value(out, start + at, fields[number])
    return start


def _flat_value(out: bytearray, slot: int, value: object) -> None:
    if isinstance(value, int):
        out[slot : slot + 4] = struct.pack("<i", value)
        return
    out += bytes(-len(out) % 4)
    at = len(out)
    if isinstance(value, dict):
        at = _flat_table(out, value)
    elif isinstance(value, list):
        out += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for index, one in enumerate(value):
            _flat_value(out, at + 4 + 4 * index, one)
    else:
        raw = (
            value.encode()
            if isinstance(value, str)
            else bytes(value)
            if isinstance(value, bytes)
            else b""
        )
        out += struct.pack("<I", len(raw)) + raw + b"\0"
    out[slot : slot + 4] = struct.pack("<I", at - slot)


def tflite(*custom: str, buffers: Sequence[dict[int, bytes]] = ()) -> bytes:
    """A model that lists custom operators, and buffers with the fields given."""
    codes = []
    for name in custom:
        raw = name.encode()
        table = flat_table({0: struct.pack("<I", 32), 1: struct.pack("<I", 4)})
        codes.append(table + struct.pack("<I", len(raw)) + raw + bytes(-len(raw) % 4))
    first = flat_vector(codes)
    second = flat_vector([flat_table(fields) for fields in buffers])
    model = flat_table({1: struct.pack("<I", 8), 4: struct.pack("<I", 4 + len(first))})
    root = 8 + len(model) - 12
    return struct.pack("<I4s", root, b"TFL3") + model + first + second


def flat_vector(tables: Sequence[bytes]) -> bytes:
    """A vector of tables, each of which follows its own list of offsets."""
    out, at = struct.pack("<I", len(tables)), 4 + 4 * len(tables)
    for index, table in enumerate(tables):
        virtual = 4 + 2 * ((table[0] - 4) // 2)
        start = at + virtual + -virtual % 4
        out += struct.pack("<I", start - 4 - 4 * index)
        at += len(table)
    return out + b"".join(tables)


def msg_text(text: str) -> bytes:
    raw = text.encode()
    return bytes([0xA0 | len(raw)]) + raw


def msg_bin(data: bytes) -> bytes:
    return b"\xc6" + struct.pack(">I", len(data)) + data


def msg_map(**entries: bytes) -> bytes:
    return bytes([0x80 | len(entries)]) + b"".join(msg_text(k) + v for k, v in entries.items())
