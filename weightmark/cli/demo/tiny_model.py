"""A tiny model and a tiny attack, assembled byte by byte so that the demo needs nothing but itself."""

import json
import struct
from pathlib import Path

__all__ = ["HARMLESS_PICKLE", "write_tiny_model"]

HARMLESS_PICKLE = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x16echo this could be you\x85R."
"""a pickle that calls `os.system('echo …')` when it is loaded; it is scanned, never loaded"""


def write_tiny_model(folder: Path) -> None:
    """Write a model of two tensors in safetensors form, with its configuration and card."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(_safetensors({"embedding": 8, "output": 4}))
    (folder / "config.json").write_text(
        json.dumps({"architectures": ["TinyModel"], "hidden_size": 4}, indent=2) + "\n"
    )
    (folder / "README.md").write_text("# tiny-model\n\nMade by `weightmark demo`.\n")


def _safetensors(tensors: dict[str, int]) -> bytes:
    header: dict[str, dict[str, object]] = {}
    data = b""
    for name, count in tensors.items():
        values = struct.pack(f"<{count}f", *(index / 8 for index in range(count)))
        header[name] = {
            "dtype": "F32",
            "shape": [count],
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
