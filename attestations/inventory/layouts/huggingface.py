"""The cache of `huggingface_hub`: `models--owner--name/{blobs,refs,snapshots/<commit>}`."""

from collections.abc import Mapping
from pathlib import Path

from weightmark.attestations.inventory.interface import Claimed, Folder, Place, names_in
from weightmark.attestations.inventory.small_files import read_small
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["HuggingFaceLayout", "hub_cache"]

_KINDS = {
    "models": ArtifactKind.MODEL,
    "datasets": ArtifactKind.DATASET,
    "spaces": ArtifactKind.SPACE,
}
_OWN = frozenset(["blobs", "refs", "snapshots"])
_LONGEST_REFERENCE = 256


def hub_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder where `huggingface_hub` keeps its cache, by its own variables."""
    named = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(environment.get("HF_HOME") or f"{cache}/huggingface").expanduser() / "hub"


class HuggingFaceLayout:
    """One folder a repository; each snapshot in it is an artifact."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return the snapshots of a repository."""
        plural, _, rest = folder.path.name.partition("--")
        if plural not in _KINDS or not rest or "snapshots" not in folder.folders:
            return None
        name = f"hf://{plural}/{rest.replace('--', '/')}"
        unfinished = any(one.endswith(".incomplete") for one in names_in(folder.path / "blobs"))
        notes = ("a download into this cache was not finished",) if unfinished else ()
        named = _named(folder.path / "refs")
        places = tuple(
            Place(
                str(folder.path / "snapshots" / commit),
                folder.label(f"snapshots/{commit}"),
                "huggingface",
                _KINDS[plural],
                name,
                commit,
                (*notes, *(f"the revision `{word}` led here" for word in named.get(commit, ()))),
            )
            for commit in names_in(folder.path / "snapshots")
            if any(names_in(folder.path / "snapshots" / commit))
        )
        return Claimed(places, _OWN)


def _named(refs: Path) -> dict[str, list[str]]:
    """Return for each commit the branches and tags by which it was asked for."""
    found: dict[str, list[str]] = {}
    for path in sorted(refs.rglob("*")):
        data = read_small(path, _LONGEST_REFERENCE)
        if data is not None:
            commit = data.decode("ascii", "replace").strip()
            found.setdefault(commit, []).append(str(path.relative_to(refs)))
    return found
