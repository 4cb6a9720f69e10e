"""The cache of `huggingface_hub`: `models--owner--name/{blobs,refs,snapshots/<commit>}`."""

import os
from pathlib import Path

from weightmark.attestations.inventory.interface import Claimed, Folder, Place, names_in
from weightmark.attestations.inventory.small_files import read_small
from weightmark.errors import WeightmarkError
from weightmark.provenance.hub_storage import SHARED_MARK, is_shared_name
from weightmark.provenance.sources.huggingface.listing import MAX_ANSWER, read_kept_files
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["HuggingFaceLayout"]

_KINDS = {
    "models": ArtifactKind.MODEL,
    "datasets": ArtifactKind.DATASET,
    "spaces": ArtifactKind.SPACE,
}
_OWN = frozenset(["blobs", "refs", "snapshots"])
_LONGEST_REFERENCE = 256
_PREFIX = 2
"""letters of a name by which the shared store makes folders"""


class HuggingFaceLayout:
    """One folder a repository; each snapshot in it is an artifact."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return the snapshots of a repository; of the store that repositories share what none of them links to."""
        if folder.path.name == "blobs" and SHARED_MARK in folder.files:
            return _unlinked(folder)
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
                (
                    *notes,
                    *_missing(folder.path, commit),
                    *(f"the revision `{word}` led here" for word in named.get(commit, ())),
                ),
            )
            for commit in names_in(folder.path / "snapshots")
            if any(names_in(folder.path / "snapshots" / commit))
        )
        return Claimed(places, _OWN)


def _missing(repository: Path, commit: str) -> tuple[str, ...]:
    """Say what of a revision was not downloaded, by the list that the client kept of it."""
    data = read_small(repository / "trees" / f"{commit}.json", MAX_ANSWER)
    if data is None:
        return ()
    try:
        parts = read_kept_files(data, f"trees/{commit}.json")
    except WeightmarkError as error:
        return (error.what,)
    folder = repository / "snapshots" / commit
    absent = [one for one in parts if not os.path.exists(folder / one.path)]  # noqa: PTH110 - never raises
    if not absent:
        return ()
    return (
        f"{len(parts) - len(absent)} of {len(parts)} files of the revision lie here; `{absent[0].label}` does not",
    )


def _unlinked(folder: Folder) -> Claimed:
    """Claim blobs that repositories link to, which are looked at there, and name the others."""
    linked = {
        os.path.realpath(blob)
        for blob in folder.path.parent.glob("*--*/blobs/*")
        if blob.is_symlink()
    }  # fmt: skip
    prefixes = [name for name in folder.folders if len(name) == _PREFIX]
    places = tuple(
        Place(
            str(folder.path / prefix / name),
            folder.label(f"{prefix}/{name}"),
            "huggingface",
            notes=("it lies among blobs that repositories share, and none links to it",),
        )
        for prefix in prefixes
        for name in names_in(folder.path / prefix)
        if not _is_companion(name) and os.path.realpath(folder.path / prefix / name) not in linked
    )
    return Claimed(places, frozenset(prefixes))


def _is_companion(name: str) -> bool:
    """Tell the client's own notes about a shared blob."""
    stem, _, suffix = name.partition(".")
    return is_shared_name(stem) and suffix in ("lock", "refs")


def _named(refs: Path) -> dict[str, list[str]]:
    """Return for each commit the branches and tags by which it was asked for."""
    found: dict[str, list[str]] = {}
    for path in sorted(refs.rglob("*")):
        data = read_small(path, _LONGEST_REFERENCE)
        if data is not None:
            commit = data.decode("ascii", "replace").strip()
            found.setdefault(commit, []).append(str(path.relative_to(refs)))
    return found
