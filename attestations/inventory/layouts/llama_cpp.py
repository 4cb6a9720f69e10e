"""The cache of llama.cpp: GGUF files in one folder, each with what was asked for in its name."""

from collections.abc import Mapping
from pathlib import Path

from weightmark.attestations.inventory.interface import Claimed, Folder, Place
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["LlamaCppLayout", "llama_cpp_cache"]

_SUFFIX = ".gguf"


def llama_cpp_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where llama.cpp keeps what it fetched."""
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(environment.get("LLAMA_CACHE") or f"{cache}/llama.cpp").expanduser()


class LlamaCppLayout:
    """Each GGUF file is an artifact."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return the models of a folder `llama.cpp` that holds any."""
        models = [name for name in folder.files if name.endswith(_SUFFIX)]
        if folder.path.name != "llama.cpp" or not models:
            return None
        places = tuple(
            Place(
                str(folder.path / name),
                folder.label(name),
                "llama.cpp",
                ArtifactKind.MODEL,
                f"llama.cpp:{name.removesuffix(_SUFFIX)}",
            )
            for name in models
        )
        return Claimed(places, frozenset(), frozenset(models))
