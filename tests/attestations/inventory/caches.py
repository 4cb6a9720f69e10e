"""Caches as tools lay them out, with small harmless models in them."""

import hashlib
import json
import struct
from pathlib import Path

__all__ = [
    "COMMIT",
    "EVIL",
    "HONEST",
    "SAFETENSORS",
    "hub_repository",
    "keras_cache",
    "mlflow_run",
    "ollama_store",
    "put",
    "torch_hub",
]

HONEST = b"\x80\x04}\x8c\x01a\x88s."
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
COMMIT = "0123456789abcdef0123456789abcdef01234567"
_HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  '
SAFETENSORS = struct.pack("<Q", len(_HEADER)) + _HEADER + bytes(4)


def put(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def hub_repository(
    cache: Path, name: str, files: dict[str, bytes], *, commit: str = COMMIT, plural: str = "models"
) -> Path:
    """Put files into a hub cache: weights by SHA-256, the rest as git names blobs."""
    root = cache / f"{plural}--{name.replace('/', '--')}"
    for path, data in files.items():
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        digest = hashlib.sha256(data).hexdigest() if path.endswith(".safetensors") else git
        put(root / "blobs" / digest, data)
        link = root / "snapshots" / commit / path
        link.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (2 + path.count("/"))
        link.symlink_to(f"{up}blobs/{digest}")
    put(root / "refs" / "main", commit)
    return root


def ollama_store(root: Path, name: str, tag: str, data: bytes) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    put(root / "blobs" / f"sha256-{digest}", data)
    layer = {
        "mediaType": "application/vnd.ollama.image.model",
        "digest": f"sha256:{digest}",
        "size": len(data),
    }
    manifest = {"schemaVersion": 2, "layers": [layer]}
    path = root / "manifests" / "registry.ollama.ai" / "library" / name / tag
    return put(path, json.dumps(manifest))


def torch_hub(root: Path) -> None:
    put(root / "hub" / "checkpoints" / "resnet.pth", HONEST)
    put(root / "hub" / "acme_nets_main" / "hubconf.py", "dependencies = []\n")


def keras_cache(root: Path) -> None:
    put(root / ".keras" / "models" / "net.h5", b"\x89HDF\r\n\x1a\n")
    put(root / ".keras" / "datasets" / "rows.npz", b"PK\x05\x06" + bytes(18))


def mlflow_run(root: Path) -> None:
    run = root / "mlruns" / "7" / ("ab" * 16) / "artifacts" / "model"
    put(run / "MLmodel", "artifact_path: model\n")
    put(run / "data" / "model.pkl", HONEST)
