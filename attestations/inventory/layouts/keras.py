"""The cache of Keras: `.keras/models/*` and `.keras/datasets/*`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from weightmark.attestations.inventory.interface import Claimed, Folder, Place, names_in
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["KerasLayout", "keras_cache"]

_KINDS = {"datasets": ArtifactKind.DATASET, "models": ArtifactKind.MODEL}


def keras_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where Keras keeps what it fetched."""
    return Path(environment.get("KERAS_HOME") or "~/.keras").expanduser()


class KerasLayout:
    """Each file or folder that Keras fetched is an artifact."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return what a folder `.keras`, or one with a `keras.json`, holds."""
        if folder.path.name != ".keras" and "keras.json" not in folder.files:
            return None
        places = [place for name in sorted(_KINDS) for place in _in(folder, name)]
        return Claimed(tuple(places), frozenset(_KINDS), frozenset(["keras.json"]))


def _in(folder: Folder, name: str) -> Iterator[Place]:
    for one in names_in(folder.path / name):
        path, label = folder.path / name / one, folder.label(f"{name}/{one}")
        yield Place(str(path), label, "keras", _KINDS[name], f"keras:{name}/{one}")
