"""The walk: every folder once, in order, following no links; where artifacts are, and which files may name others."""

import os
from collections.abc import Sequence
from dataclasses import field
from itertools import islice
from pathlib import Path

from weightmark.attestations.inventory.interface import Claimed, Folder, Layout, Place, Problem
from weightmark.attestations.inventory.layouts import LAYOUTS
from weightmark.attestations.inventory.openings import Opening, opening_of
from weightmark.attestations.inventory.references.candidates import may_refer
from weightmark.attestations.inventory.small_files import read_object, read_small
from weightmark.provenance.datasets.croissant import CROISSANT_MARK, MAX_CROISSANT_SIZE
from weightmark.provenance.sidecars import RESERVED_NAMES
from weightmark.provenance.sources.interface import ArtifactKind
from weightmark.values import dataclass

__all__ = ["Walk", "printable", "walk"]

_DEEPEST = 100
_MOST_FILES = 10_000_000
_OF_THE_WHOLE = frozenset(
    ["dataset_dict.json", "dataset_info.json", "dataset_infos.json", "model_index.json", "saved_model.pb", *RESERVED_NAMES]
)  # fmt: skip
"""files that stand at the root of one artifact"""
_OF_A_MODEL = frozenset(["architectures", "model_type", "_class_name", "peft_type"])
"""members of a `config.json` that tells of a model"""
_OF_MODELS = frozenset(["model_index.json", "saved_model.pb"])
_MOST_DOCUMENTS = 20
_OF_DATA = frozenset(["dataset_dict.json", "dataset_info.json", "dataset_infos.json"])


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk found."""

    places: tuple[Place, ...]
    """artifacts, by path"""
    texts: tuple[tuple[str, str], ...]
    """files that may refer to others: path and printable label, by path"""
    omitted: tuple[str, ...]
    """folders that were left out, with the reason"""
    problems: tuple[Problem, ...]
    """what could not be listed"""


def walk(root: Path) -> Walk:
    """Walk through `root`; what can't be read becomes a problem and hides nothing else."""
    walker = _Walker(root)
    walker.folder(root, "", depth=0, inside=False)
    return Walk(
        tuple(sorted(walker.places, key=lambda one: (one.label.encode("utf-8", "surrogateescape"), one.name))),
        tuple(sorted(walker.texts)),
        tuple(sorted(walker.omitted)),
        tuple(walker.problems),
    )  # fmt: skip


def printable(text: str) -> str:
    """Return a path as it may be printed and written into JSON."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


@dataclass(slots=True)
class _Walker:
    """Collects while it goes down; the loose files of a folder are judged when its subfolders are known."""

    root: Path
    places: list[Place] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    layouts: Sequence[Layout] = LAYOUTS
    seen: set[str] = field(default_factory=set)
    files: int = 0

    def folder(self, path: Path, relative: str, *, depth: int, inside: bool) -> None:
        """Look at one folder; `inside` of an artifact only for what refers to others."""
        listed = self._listed(path, relative, depth)
        if listed is None:
            return
        claimed = Claimed(()) if inside else self._claimed(listed)
        self._take(claimed.places)
        whole = inside or any(place.path == str(path) for place in claimed.places)
        loose: dict[str, Opening] = {}
        if not whole:
            loose = self._loose(listed, claimed)
            if _is_one(listed):
                self._take([_tree(listed, loose)])
                whole = True
        self._refer(listed)
        before = len(self.places)
        for name in listed.folders:
            if whole or name not in claimed.folders:
                self.folder(path / name, listed.label(name), depth=depth + 1, inside=whole)
        if loose and not whole:
            alone = len(self.places) == before and not claimed.places
            self._take([_tree(listed, loose)] if alone else _singly(listed, loose))

    def _take(self, places: Sequence[Place]) -> None:
        for place in places:
            self.seen.add(place.path)
            self.places.append(place)

    def _listed(self, path: Path, relative: str, depth: int) -> Folder | None:
        if depth > _DEEPEST:
            self._problem(relative, f"lies over {_DEEPEST} folders deep and was not looked into")
            return None
        try:
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
            folders = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
            files = [one.name for one in entries if one.is_file()]
        except OSError as error:
            self._problem(relative, f"cannot be listed: {(error.strerror or str(error)).lower()}")
            return None
        self.files += len(files)
        if self.files > _MOST_FILES:
            self._problem(relative, f"is behind {_MOST_FILES} files and was not looked into")
            return None
        self._note_links(entries, relative)
        kept = tuple(name for name in folders if not self._is_omitted(path, relative, name))
        return Folder(path, relative, kept, tuple(files))

    def _note_links(self, entries: Sequence["os.DirEntry[str]"], relative: str) -> None:
        for one in entries:
            if one.is_symlink() and one.is_dir():
                label = f"{relative}/{one.name}" if relative else one.name
                self.omitted.append(f"{printable(label)}: a link to a folder")

    def _is_omitted(self, path: Path, relative: str, name: str) -> bool:
        reason = ""
        if name == ".git":
            reason = "what git keeps"
        elif name == "node_modules":
            reason = "installed packages"
        elif (path / name / "pyvenv.cfg").is_file():
            reason = "an environment of Python"
        if reason:
            self.omitted.append(
                f"{printable(f'{relative}/{name}' if relative else name)}: {reason}"
            )
        return bool(reason)

    def _claimed(self, listed: Folder) -> Claimed:
        for layout in self.layouts:
            try:
                claimed = layout.claim(listed)
            except OSError as error:
                self._problem(
                    listed.relative, f"cannot be listed: {(error.strerror or '').lower()}"
                )
                continue
            if claimed is not None:
                return claimed
        return Claimed(())

    def _loose(self, listed: Folder, claimed: Claimed) -> dict[str, Opening]:
        found: dict[str, Opening] = {}
        for name in listed.files:
            path = listed.path / name
            if name in claimed.files or str(path) in self.seen:
                continue
            try:
                opening = opening_of(path)
            except OSError as error:
                what = f"cannot be read: {(error.strerror or str(error)).lower()}"
                self._problem(listed.label(name), what)
                continue
            if opening.counts:
                found[name] = opening
        return found

    def _refer(self, listed: Folder) -> None:
        for name in listed.files:
            path = listed.path / name
            if may_refer(path):
                self.texts.append((str(path), printable(listed.label(name))))

    def _problem(self, relative: str, what: str) -> None:
        self.problems.append(Problem(printable(relative) or ".", what))


def _is_one(listed: Folder) -> bool:
    """Tell whether the folder as a whole is one artifact, by what stands at its root."""
    return bool(_OF_THE_WHOLE.intersection(listed.files)) or _is_configured(listed)


def _is_configured(listed: Folder) -> bool:
    return any(
        name in listed.files and bool(_OF_A_MODEL & read_object(listed.path / name).keys())
        for name in ("config.json", "adapter_config.json")
    )


def _tree(listed: Folder, loose: dict[str, Opening]) -> Place:
    return Place(str(listed.path), listed.relative or ".", "plain", _kind(listed, loose))


def _kind(listed: Folder, loose: dict[str, Opening]) -> ArtifactKind:
    """Return what a folder seems to be; a signature at its root says nothing about that."""
    if _OF_DATA.intersection(listed.files):
        return ArtifactKind.DATASET
    weights = any(one.may_hold_weights for one in loose.values())
    if weights or _OF_MODELS.intersection(listed.files) or _is_configured(listed):
        return ArtifactKind.MODEL
    if loose or _is_described_data(listed):
        return ArtifactKind.DATASET
    return ArtifactKind.UNKNOWN


def _is_described_data(listed: Folder) -> bool:
    """Tell whether a Croissant document stands at the root, which describes datasets."""
    documents = (name for name in listed.files if name.endswith((".json", ".jsonld")))
    return any(
        CROISSANT_MARK in (read_small(listed.path / name, MAX_CROISSANT_SIZE) or b"")
        for name in islice(documents, _MOST_DOCUMENTS)
    )


def _singly(listed: Folder, loose: dict[str, Opening]) -> list[Place]:
    return [
        Place(
            str(listed.path / name),
            listed.label(name),
            "plain",
            ArtifactKind.MODEL if opening.may_hold_weights else ArtifactKind.DATASET,
        )
        for name, opening in loose.items()
    ]
