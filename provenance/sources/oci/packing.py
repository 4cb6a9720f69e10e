"""A model or a dataset as ModelPack (CNCF model-spec v1): one raw layer a file, so that a layer's digest is the file's.

Nothing is archived and nothing compressed: layers are shared between versions, and what was signed
file by file can be checked against the manifest alone. The same files give the same manifest, whatever
they are called: its digest follows from a signed list of files, and another sorting of names by kind
would be another digest.
"""

import re
from collections.abc import Iterable
from typing import Any

from weightmark.errors import LimitError
from weightmark.provenance.sources.oci.documents import MANIFEST_TYPE, MAX_DOCUMENT, Descriptor
from weightmark.provenance.sources.oci.layouts import FILE_PATH, MODELPACK, MODELPACK_CONFIG
from weightmark.provenance.strict_json import canonical_json
from weightmark.values import dataclass

__all__ = ["Package", "PackedFile", "pack"]

_TITLE = "org.opencontainers.image.title"
_LAYER = "application/vnd.cncf.model.{}.v1.raw"
_WEIGHTS = re.compile(
    r".*\.(?:safetensors|gguf|ggml|bin|pt|pth|ckpt|onnx|onnx_data|h5|keras|tflite|msgpack|npz|npy|pkl|pb|engine|mar|nemo)"
)
_CODE = re.compile(r".*\.(?:py|ipynb|sh|c|cc|cpp|cu|h|hpp|js|ts|go|rs)")
_DOCUMENTS = re.compile(
    r".*\.(?:md|rst|pdf|html|png|jpe?g|svg)|(?:.*/)?(?:licen[cs]e|notice|readme)[^/]*"
)
_DATA = re.compile(r".*\.(?:parquet|arrow|jsonl|csv|tsv)(?:\.gz|\.zst)?")


@dataclass(frozen=True, slots=True)
class Package:
    """What is written to a registry."""

    manifest: bytes
    """the manifest, JSON"""
    config: bytes
    """the configuration, JSON"""
    layers: tuple[Descriptor, ...]
    """one a file, in the order of the files"""

    @property
    def descriptor(self) -> Descriptor:
        """What names the manifest."""
        return Descriptor.of(self.manifest, MANIFEST_TYPE)


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file, as its layer names it."""

    path: str
    """relative POSIX path"""
    size: int
    """bytes"""
    sha256: str
    """lowercase hex"""


def pack(files: Iterable[PackedFile]) -> Package:
    """Describe files, in the order of their manifest; raises `LimitError` when it would be over 4 MiB."""
    layers = tuple(map(_layer, files))
    config = canonical_json(
        {
            "descriptor": {},
            "config": {},
            "modelfs": {"type": "layers", "diffIds": [one.digest for one in layers]},
        }
    )
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": MODELPACK,
        "config": Descriptor.of(config, MODELPACK_CONFIG).to_json(),
        "layers": [one.to_json() for one in layers],
    }
    manifest = canonical_json(document)
    if len(manifest) > MAX_DOCUMENT:
        raise LimitError(
            f"{len(layers)} files do not fit into one manifest of {MAX_DOCUMENT} bytes",
            why="that is the most that registries have to take",
            fix="put the many small files into an archive, and sign again",
        )
    return Package(manifest, config, layers)


def _layer(file: PackedFile) -> Descriptor:
    kind = _LAYER.format(_kind(file.path.lower()))
    names = {_TITLE: file.path, FILE_PATH: file.path}
    return Descriptor(kind, f"sha256:{file.sha256}", file.size, names)


def _kind(path: str) -> str:
    """Sort a file by its name, as other tools do; nobody decides by it, but it is part of the digest and stays."""
    for pattern, kind in (
        (_WEIGHTS, "weight"),
        (_CODE, "code"),
        (_DATA, "dataset"),
        (_DOCUMENTS, "doc"),
    ):
        if pattern.fullmatch(path):
            return kind
    return "weight.config"
