"""The cache of `torch.hub`: `hub/checkpoints/*` and unpacked repositories beside it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from weightmark.attestations.inventory.interface import Claimed, Folder, Place, names_in
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["TorchHubLayout", "torch_cache"]


def torch_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where `torch.hub` keeps its cache, by its own variables."""
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("TORCH_HOME") or f"{cache}/torch"
    return Path(home).expanduser() / "hub"


class TorchHubLayout:
    """Each checkpoint is an artifact, and so is each repository: loading runs its `hubconf.py`."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return checkpoints and repositories of a folder `hub`."""
        if folder.path.name != "hub" or "checkpoints" not in folder.folders:
            return None
        repositories = tuple(
            name
            for name in folder.folders
            if name != "checkpoints" and (folder.path / name / "hubconf.py").is_file()
        )
        code = (_repository(folder, name) for name in repositories)
        return Claimed((*_checkpoints(folder), *code), frozenset([*repositories, "checkpoints"]))


def _checkpoints(folder: Folder) -> Iterator[Place]:
    for name in names_in(folder.path / "checkpoints"):
        path = folder.path / "checkpoints" / name
        label = folder.label(f"checkpoints/{name}")
        yield Place(str(path), label, "torch-hub", ArtifactKind.MODEL, f"torch.hub:{name}")


def _repository(folder: Folder, name: str) -> Place:
    called = "/".join(name.split("_", 2)[:2])
    return Place(
        str(folder.path / name),
        folder.label(name),
        "torch-hub",
        ArtifactKind.MODEL,
        f"torch.hub:{called}",
        name.rpartition("_")[2],
        ("code that `torch.hub.load` runs",),
    )
