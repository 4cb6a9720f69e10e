"""The artifacts that are measured: made here, small on disk whatever their size."""

import json
import struct
from pathlib import Path

MEBIBYTE = 1024 * 1024


def tiny_model(folder: Path, files: int = 10) -> Path:
    """Make a model of `files` files of a few kilobytes, as a release has beside its weights."""
    folder.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [512], "data_offsets": [0, 2048]}}).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(2048)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text('{"model_type": "bert"}\n', encoding="utf-8")
    for number in range(files - 2):
        (folder / f"vocab-{number}.txt").write_text("word\n" * 400 * (number + 1), encoding="utf-8")
    return folder


def sparse_file(path: Path, size: int) -> Path:
    """Make a file of `size` zero bytes that takes no space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def pickle_with_one_value(path: Path, size: int) -> Path:
    """Make a pickle of one byte string of `size` bytes: PROTO 4, BINBYTES8, STOP."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x80\x04\x8e" + struct.pack("<Q", size))
        file.seek(size, 1)
        file.write(b".")
    return path


def pickle_with_many_values(path: Path, size: int) -> Path:
    """Make a pickle of a list of byte strings of 1 MiB, `size` bytes in all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x80\x04](")
        for _ in range(size // MEBIBYTE):
            file.write(b"B" + struct.pack("<I", MEBIBYTE))
            file.seek(MEBIBYTE, 1)
        file.write(b"e.")
    return path
