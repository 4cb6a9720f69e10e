"""Which files may be models or data: by their first bytes, or by a name that loaders go by.

This only decides where to look, so either reason is enough; what a file is, the scan says.
"""

import os
import struct
import zipfile
from pathlib import Path

from weightmark.provenance.reading.views import DescriptorView
from weightmark.values import dataclass

__all__ = ["Opening", "opening_of"]

_HEAD = 4096
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_MODELS = frozenset(
    ["coreml", "executorch", "ggml", "gguf", "hdf5", "onnx", "saved-model", "tflite", "xgboost-legacy"]
)  # fmt: skip
_DATA = frozenset(["arrow", "parquet"])
_MODEL_SUFFIXES = (
    ".ckpt", ".gguf", ".h5", ".joblib", ".keras", ".mar", ".mlmodel", ".msgpack", ".nemo", ".npy",
    ".npz", ".onnx", ".pb", ".pickle", ".pkl", ".pt", ".pt2", ".pte", ".pth", ".safetensors", ".skops",
    ".tflite", ".ubj",
)  # fmt: skip
_DATA_SUFFIXES = (".arrow", ".feather", ".parquet", ".tfrecord")
_PICKLE, _NEWEST_PROTOCOL = 0x80, 5
_ZIP = b"PK\x03\x04"
_NPY = b"\x93NUMPY"
_LARGEST_LISTED = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """What the beginning of a file shows."""

    may_hold_weights: bool
    """whether a loader of models may take it"""
    may_hold_rows: bool
    """whether a loader of datasets may take it"""

    @property
    def counts(self) -> bool:
        """Whether it is worth a look."""
        return self.may_hold_weights or self.may_hold_rows


def opening_of(path: Path) -> Opening:
    """Look at the beginning of a file; raises `OSError`."""
    name = path.name.lower()
    descriptor = os.open(path, _FLAGS)
    try:
        view = DescriptorView(descriptor, os.fstat(descriptor).st_size, path.name)
        head = view.read_at(0, _HEAD)
        word = _word(view, head)
    finally:
        os.close(descriptor)
    weights = word in _MODELS or name.endswith(_MODEL_SUFFIXES) or _has_weights(head, path)
    return Opening(weights, word in _DATA or name.endswith(_DATA_SUFFIXES))


def _word(view: DescriptorView, head: bytes) -> str:
    from weightmark.scanners.formats.recognise import recognise

    return recognise(view, head)


def _has_weights(head: bytes, path: Path) -> bool:
    """Tell the formats that loaders know by more than a magic number."""
    if head.startswith(_NPY):
        return True
    if len(head) > 1 and head[0] == _PICKLE and head[1] <= _NEWEST_PROTOCOL:
        return True
    if len(head) > 8 and head[8] == ord("{") and int.from_bytes(head[:8], "little") < 1 << 30:  # noqa: PLR2004 - the length before the header of a safetensors file
        return True
    return head.startswith(_ZIP) and _zip_has_weights(path)


def _zip_has_weights(path: Path) -> bool:
    """Tell whether an archive holds anything that is a model by its name; one that can't be listed may.

    A large one may as well, so that no list of millions of names has to be kept.
    """
    try:
        if path.stat().st_size > _LARGEST_LISTED:
            return True
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (ArithmeticError, OSError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile):
        return True
    suffixes = (*_MODEL_SUFFIXES, *_DATA_SUFFIXES)
    return any(name.lower().endswith(suffixes) for name in names)
