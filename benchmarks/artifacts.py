"""The artifacts that are measured: made here, small on disk whatever their size."""

import json
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

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


def random_file(path: Path, size: int) -> Path:
    """Make a file of `size` random bytes, a whole number of mebibytes."""
    with path.open("wb") as file:
        for _ in range(size // MEBIBYTE):
            file.write(os.urandom(MEBIBYTE))
    return path


def many_files(folder: Path, count: int) -> Path:
    """Make a tree of `count` files of 4 KiB, a thousand a folder."""
    content = os.urandom(4088)
    for number in range(count):
        part = folder / f"part-{number // 1000:04}"
        if number % 1000 == 0:
            part.mkdir(parents=True)
        (part / f"sample-{number:07}.bin").write_bytes(content + number.to_bytes(8, "big"))
    return folder


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


def safetensors_of(path: Path, size: int) -> Path:
    """Make a safetensors file of a hundred tensors, `size` bytes of zeros in all, that takes no space."""
    part = size // 400 * 4
    header = {
        f"layer.{number}.weight": {
            "dtype": "F32",
            "shape": [part // 4],
            "data_offsets": [number * part, (number + 1) * part],
        }
        for number in range(100)
    }
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + 100 * part)
    return path


def torch_zip_of(path: Path, size: int) -> Path:
    """Make a torch checkpoint of one tensor of `size` bytes of zeros that takes no space."""
    storage = b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu"
    count = b"J" + struct.pack("<i", size // 4)
    tensor = (
        b"("
        + storage
        + count
        + b"tQK\0"
        + count
        + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt"
    )
    pickled = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(" + tensor + b"Rs."
    members = {b"m/data.pkl": pickled, b"m/version": b"3\n"}
    central = bytearray()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for name, data in members.items():
            central += _put(file, name, len(data), zlib.crc32(data))
            file.write(data)
        central += _put(file, b"m/data/0", size, _crc_of_zeros(size))
        file.seek(size, 1)
        start = file.tell()
        file.write(central)
        file.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 3, 3, len(central), start, 0))
    return path


def _put(file: BinaryIO, name: bytes, size: int, crc: int) -> bytes:
    """Write the local header of a stored member, and return its entry in the directory."""
    at = file.tell()
    common = struct.pack("<HHHHIIIH", 0, 0, 0, 0, crc, size, size, len(name))
    file.write(b"PK\x03\x04" + struct.pack("<H", 20) + common + struct.pack("<H", 0) + name)
    versions = struct.pack("<HH", 20, 20)
    return b"PK\x01\x02" + versions + common + struct.pack("<HHHHII", 0, 0, 0, 0, 0, at) + name


def _crc_of_zeros(size: int) -> int:
    crc, block = 0, bytes(MEBIBYTE)
    for _ in range(size // MEBIBYTE):
        crc = zlib.crc32(block, crc)
    return zlib.crc32(bytes(size % MEBIBYTE), crc)


def repository(folder: Path) -> Path:
    """Make a Hugging Face repository of 50 files: configurations, a tokenizer, shards, a card, a template."""
    folder.mkdir(parents=True)
    names = [f"model-{number:05}-of-00020.safetensors" for number in range(1, 21)]
    for name in names:
        safetensors_of(folder / name, 40_000)
    index = {"metadata": {"total_size": 1}, "weight_map": {f"l{i}": n for i, n in enumerate(names)}}
    vocabulary = {f"token {number}": number for number in range(30_000)}
    documents = {
        "config.json": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
        "generation_config.json": {"bos_token_id": 1},
        "model.safetensors.index.json": index,
        "special_tokens_map.json": {"bos_token": "<s>"},
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>"},
        "tokenizer.json": {"model": {"type": "BPE", "vocab": vocabulary}},
        **{f"checkpoint-{number}/trainer_state.json": {"epoch": number} for number in range(20)},
    }
    for name, document in documents.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document), encoding="utf-8")
    (folder / "README.md").write_text("# A model\n" * 40, encoding="utf-8")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }}{% endfor %}"
    )
    (folder / "modeling.py").write_text("import torch\n", encoding="utf-8")
    (folder / "training_args.bin").write_bytes(b"\x80\x02}q\0.")
    return folder
