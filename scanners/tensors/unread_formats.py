"""Formats that hold weights, or may hold them, and whose tensors are not read; told by content.

A file of one of them is named wherever tensors are listed or compared, so that nobody takes what was
read for all that there is.
"""

import re

from weightmark.errors import UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.formats.recognise import recognise
from weightmark.scanners.wire.protobuf import may_be_message

__all__ = ["may_be_unread_weights", "refuse_unread_weights"]

_MAGIC = (
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"lmgg", "a GGML file"),
    (0, b"fmgg", "a GGML file"),
    (0, b"tjgg", "a GGML file"),
    (0, b"algg", "a GGML file"),
    (0, b"binf", "an XGBoost model"),
    (0, b"CBM1", "a CatBoost model"),
    (0, b"tree\nversion", "a LightGBM model"),
    (4, b"TFL3", "a TFLite model"),
    (4, b"ORTM", "an ONNX Runtime model"),
    (4, b"ET1", "an ExecuTorch program"),
    (0, b"PK\x03\x04", "a zip archive of another kind"),
    (0, b"PK\x05\x06", "a zip archive of another kind"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\xfd7zXZ\x00", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"\x04\x22\x4d\x18", "an lz4 file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
)
_BEGINNINGS = (
    (re.compile(rb"\x80[\x00-\x05]"), "a pickle"),
    (re.compile(rb"\(*[dl]p\d+\n|\(?c[\w.]+\n[\w.]+\n|[\]}](?:q[\x00-\xff]|\x94)"), "a pickle"),
    (
        re.compile(rb"(?:[\x81-\x8f]|\xde..|\xdf....)[\xa0-\xbf\xc4-\xc6\xd9-\xdb]", re.DOTALL),
        "a MessagePack file",
    ),
    (re.compile(rb"\x00\x00[\x02-\x20]\x08[\x01-\x7f]"), "an index of a TensorFlow checkpoint"),
    (re.compile(rb"\{L[\x00-\xff]{8}"), "a UBJSON model"),
)
_PROTOBUFS = {"saved-model": "a TensorFlow model", "coreml": "a Core ML model"}


def may_be_unread_weights(head: bytes) -> bool:
    """Tell from the first `HEAD` bytes whether `refuse_unread_weights` may have anything to say."""
    return bool(_word(head)) or may_be_message(head)


def refuse_unread_weights(view: ByteView, head: bytes) -> None:
    """Refuse a file that no reader took and that may hold weights; raises `UnsupportedError`."""
    word = _word(head)
    if not word and may_be_message(head):
        word = _PROTOBUFS.get(recognise(view, head), "")
    if word:
        raise UnsupportedError(
            f"{word}, whose tensors are not read",
            why="it may hold weights that no digest of tensors binds",
            fix="compare the file itself with `weightmark digest`, or convert it to safetensors",
        )


def _word(head: bytes) -> str:
    for offset, magic, word in _MAGIC:
        if head.startswith(magic, offset):
            return word
    return next((word for pattern, word in _BEGINNINGS if pattern.match(head)), "")
