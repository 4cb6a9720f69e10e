"""The store of Ollama: `manifests/<registry>/<owner>/<name>/<tag>`, whose layers lie in `blobs/sha256-<hex>`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weightmark.attestations.inventory.interface import Claimed, Folder, Place
from weightmark.attestations.inventory.small_files import read_object
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["OllamaLayout", "ollama_cache"]

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
_WEIGHTS = re.compile(r"application/vnd\.ollama\.image\.(model|projector|adapter)\Z")
_DEFAULT = "registry.ollama.ai/library/"


def ollama_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where Ollama keeps models of this user."""
    return Path(environment.get("OLLAMA_MODELS") or "~/.ollama/models").expanduser()


class OllamaLayout:
    """Each layer of weights is an artifact of its own: a file that other names may share."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return what the manifests name, and blobs of the store that none of them names."""
        if not {"blobs", "manifests"} <= set(folder.folders):
            return None
        found = sorted(_named(folder), key=lambda place: (place.name, place.label))
        return Claimed(tuple(found), frozenset(["manifests"]), frozenset())


def _named(folder: Folder) -> Iterator[Place]:
    manifests = folder.path / "manifests"
    for path in sorted(manifests.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield from _of_manifest(folder, path, path.relative_to(manifests))


def _of_manifest(folder: Folder, path: Path, name: Path) -> Iterator[Place]:
    called = str(name.parent).removeprefix(_DEFAULT)
    layers = read_object(path).get("layers")
    for layer in layers if isinstance(layers, list) else ():
        found = _blob(layer)
        if found is None:
            continue
        blob, role = found
        there = (folder.path / "blobs" / blob).is_file()
        yield Place(
            str(folder.path / "blobs" / blob),
            folder.label(f"blobs/{blob}"),
            "ollama",
            ArtifactKind.MODEL,
            f"ollama:{called}" + ("" if role == "model" else f"#{role}"),
            name.name,
            () if there else ("the manifest names a blob that is not there",),
            named_by_digest=True,
        )


def _blob(layer: Any) -> tuple[str, str] | None:
    """Return the name of the file that holds a layer of weights, and what they are for."""
    fields = layer if isinstance(layer, dict) else {}
    digest = _DIGEST.match(str(fields.get("digest")))
    role = _WEIGHTS.match(str(fields.get("mediaType")))
    return (f"sha256-{digest[1]}", role[1]) if digest and role else None
