"""Formats that are recognised by content and listed, but not looked into."""

import re
from functools import cache

from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.formats.plain_text import is_text, text_kind

__all__ = ["INERT", "recognise"]

INERT = frozenset(
    {"empty", "gif", "git-lfs-pointer", "jpeg", "json", "pdf", "png", "script", "text", "webp"}
)
"""formats that no model loader takes for a model"""

_MAGIC = (
    (0, b"GGUF", "gguf"),
    (0, b"lmgg", "ggml"),
    (0, b"fmgg", "ggml"),
    (0, b"tjgg", "ggml"),
    (0, b"algg", "ggml"),
    (0, b"binf", "xgboost-legacy"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (4, b"TFL3", "tflite"),
    (4, b"ET12", "executorch"),
    (257, b"ustar", "tar"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\x7fELF", "elf"),
    (0, b"\xcf\xfa\xed\xfe", "mach-o"),
    (0, b"\xca\xfe\xba\xbe", "mach-o"),
    (0, b"PAR1", "parquet"),
    (0, b"ARROW1\x00\x00", "arrow"),
    (0, b"SQLite format 3\x00", "sqlite"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"%PDF-", "pdf"),
    (0, b"MZ", "pe"),
)
_FIELDS = 64
_VARINT = 10
_ONNX_GRAPH, _ONNX_OPSET, _SAVED_MODEL_GRAPH, _COREML_TYPE = 7, 8, 2, 200


def recognise(view: ByteView, head: bytes) -> str:
    """Return the word for the format, or an empty text for unknown data."""
    if not head:
        return "empty"
    if _any_magic().match(head):
        for offset, magic, name in _MAGIC:
            if head.startswith(magic, offset):
                return name
    if is_text(head):
        return text_kind(head)
    return _protobuf_kind(view, head)


@cache
def _any_magic() -> re.Pattern[bytes]:
    """Return what tells at once of most heads that they begin with no magic number."""
    heads = (b"(?:.{%d}%s)" % (offset, re.escape(magic)) for offset, magic, _ in _MAGIC)
    return re.compile(b"|".join(heads), re.DOTALL)


def _protobuf_kind(view: ByteView, head: bytes) -> str:
    """Tell the protobuf models apart by the numbers of their first fields."""
    if head[0] not in b"\x08\x0a":
        return ""
    fields = _top_fields(view)
    if not fields:
        return ""
    if _ONNX_GRAPH in fields and _ONNX_OPSET in fields and head[0] == 0x08:  # noqa: PLR2004 - field 1 as a number
        return "onnx"
    if max(fields) >= _COREML_TYPE:
        return "coreml"
    if fields <= {1, _SAVED_MODEL_GRAPH} and head[0] == 0x08:  # noqa: PLR2004 - field 1 as a number
        return "saved-model"
    return ""


def _top_fields(view: ByteView) -> set[int]:
    """Return the numbers of the fields of a message; empty if it is none."""
    numbers: set[int] = set()
    offset = 0
    for _ in range(_FIELDS):
        if offset >= view.size:
            break
        window = view.read_at(offset, 2 * _VARINT)
        key, used = _varint(window, 0)
        length, after = _varint(window, used)
        step = {0: after, 1: used + 8, 2: after + length, 5: used + 4}.get(key & 7)
        if not used or step is None or not key >> 3:
            return set()
        numbers.add(key >> 3)
        offset += step
    return numbers if offset <= view.size else set()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and the position after it; position 0 if it does not end."""
    value = 0
    for index in range(_VARINT):
        if at + index >= len(data):
            break
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit of a varint
            return value, at + index + 1
    return 0, 0
