"""The seam between a walk through folders and the tools that lay models out in them.

A layout knows by which folders a tool is recognised, and what in them is one artifact. It only says
where to look: formats, identity and risk come from the bytes.
"""

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Protocol

from weightmark.provenance.sources.interface import ArtifactKind
from weightmark.values import dataclass

__all__ = ["HUB_LAYOUT", "Claimed", "Folder", "Layout", "Place", "Problem", "names_in"]

HUB_LAYOUT = "hub"
"""layout of what lies on the hub itself and not on this machine"""


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder as it was listed; links to folders are not among `folders`."""

    path: Path
    """where it is"""
    relative: str
    """relative to the beginning of the walk, empty there"""
    folders: tuple[str, ...]
    """names, sorted"""
    files: tuple[str, ...]
    """names of regular files and of links to them, sorted"""

    def label(self, name: str) -> str:
        """Return the relative path of something in the folder."""
        return f"{self.relative}/{name}" if self.relative else name


@dataclass(frozen=True, slots=True)
class Place:
    """Where one artifact is, and what the layout says that it is."""

    path: str
    """folder or file"""
    label: str
    """relative to the beginning of the walk; `.` for all of it"""
    layout: str
    """whose layout: `huggingface`, `ollama`, …; `plain` for a tree of nobody's"""
    kind: ArtifactKind = ArtifactKind.UNKNOWN
    """what the layout says that it is"""
    name: str = ""
    """how the tool calls it, as `hf://models/owner/name`; empty where nothing names it"""
    revision: str = ""
    """which one of that name: a commit, a tag; empty where there is none"""
    notes: tuple[str, ...] = ()
    """what is unusual about the place, in words"""
    named_by_digest: bool = False
    """whether the file itself is named by its SHA-256, as `sha256-<hex>`"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a layout takes of a folder."""

    places: tuple[Place, ...]
    """artifacts"""
    folders: frozenset[str] = field(default_factory=frozenset)
    """names of subfolders that hold nothing else; all others are walked"""
    files: frozenset[str] = field(default_factory=frozenset)
    """names of files that belong to the artifacts"""


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be listed or read, so that something may be missing."""

    path: str
    """relative, printable"""
    what: str
    """in words"""


class Layout(Protocol):
    """How one tool lays out what it keeps."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return what the tool keeps here; None when this is no folder of the tool's.

        Raises `OSError` when something can't be listed.
        """
        ...


def names_in(path: Path) -> Iterator[str]:
    """Yield the names in a folder, sorted; none when it is no folder or a link."""
    if path.is_dir() and not path.is_symlink():
        yield from sorted(entry.name for entry in path.iterdir())
