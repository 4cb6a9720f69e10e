"""Ignored paths: what a caller takes out of a signature, and what no folder name may take out.

A file that is named itself is left out whatever it is. A folder takes its files along, except
those that a loader could open: they are named one by one or not at all. So it is with files that
nobody signed.
"""

import os
import posixpath
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Self

from weightmark.errors import CallError, UncheckedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.reading.views import DescriptorView
from weightmark.values import dataclass

__all__ = ["NOTHING_IGNORED", "IgnoredPaths", "beneath_any", "is_steering"]

_STEERING = frozenset(
    [
        ".bpe",
        ".cfg",
        ".codes",
        ".conf",
        ".ini",
        ".j2",
        ".jinja",
        ".jinja2",
        ".json",
        ".merges",
        ".model",
        ".pbtxt",
        ".prototxt",
        ".pth",
        ".py",
        ".tiktoken",
        ".toml",
        ".vocab",
        ".xml",
        ".yaml",
        ".yml",
    ]
)
"""endings of plain text that loaders go by: configurations, code, vocabularies, model descriptions"""
_STEERING_NAMES = lazy_pattern(
    r"modelfile(?:\..*)?|params|template|system|.*(?:vocab|merges|dict|tokens|labels).*\.txt"
)
"""names of plain text that loaders go by, in small letters: of Ollama, and the word lists of tokenizers"""


@dataclass(frozen=True, slots=True)
class IgnoredPaths:
    """What the caller asked to leave out of one artifact."""

    names: frozenset[str]
    """relative paths of files and folders, as the caller named them"""
    kept: frozenset[str]
    """files in a named folder that a loader could open: they stay"""
    absent: frozenset[str] = frozenset()
    """names under which the artifact holds nothing"""
    harmless: frozenset[str] = frozenset()
    """files that no loader opens, of those that not every list names; empty unless such files are forgiven"""

    @classmethod
    def of(cls, artifact: Artifact, given: Sequence[str]) -> Self:
        """Read what the caller named, relative to the artifact's root or absolute.

        Raises `CallError` for the root itself and for what lies outside.
        """
        if not given or artifact.single:
            return cls(frozenset(), frozenset())
        names = frozenset(_relative(artifact, path) for path in given)
        inside = [
            entry
            for entry in artifact.entries
            if entry.path not in names and beneath_any(entry.path, names)
        ]
        there = {place for entry in artifact.entries for place in _prefixes(entry.path)}
        kept = frozenset(entry.path for entry in inside if _is_loadable(entry))
        return cls(names, kept, names - there)

    def forgiving(self, artifact: Artifact, unsigned: Collection[str]) -> Self:
        """Return the same that also forgives `unsigned` files, but for those that a loader could open."""
        unknown = (entry for entry in artifact.entries if entry.path in unsigned)
        harmless = frozenset(entry.path for entry in unknown if not _is_loadable(entry))
        return replace(self, harmless=harmless)

    def covers(self, path: str) -> bool:
        """Tell whether the file at `path` is left out."""
        return bool(self.names) and self._covers(path)

    def _covers(self, path: str) -> bool:
        return path in self.names or (
            path not in self.kept and beneath_any(path, self.names) is not None
        )


NOTHING_IGNORED = IgnoredPaths(frozenset(), frozenset())
"""nothing is left out"""


def beneath_any(path: str, names: frozenset[str]) -> str | None:
    """Return the name that is `path` itself or one of the folders above it, the outermost first."""
    return next((place for place in _prefixes(path) if place in names), None)


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path


def _relative(artifact: Artifact, given: str) -> str:
    place = posixpath.normpath(given)
    if posixpath.isabs(place):
        folder = Path(os.path.realpath(Path(place).parent))
        name = folder / Path(place).name
        place = (
            name.relative_to(artifact.path).as_posix()
            if name.is_relative_to(artifact.path)
            else ".."
        )
    if place in (".", "..") or place.startswith("../"):
        raise CallError(
            f"`{given}` is no path inside the artifact",
            why="what is left out lies in the artifact, and something has to remain",
            fix="name a file or a folder relative to the artifact's root",
        )
    return place


def is_steering(path: str) -> bool:
    """Tell by its name whether a loader could go by a file, whatever it holds."""
    name = PurePosixPath(path).name.lower()
    return PurePosixPath(name).suffix in _STEERING or bool(_STEERING_NAMES.fullmatch(name))


def _is_loadable(entry: Entry) -> bool:
    """Tell by content, and for plain text by its name; what can't be read counts as loadable."""
    if is_steering(entry.path):
        return True
    from weightmark.scanners.formats.recognise import INERT
    from weightmark.scanners.scan import scan_file

    try:
        with Beneath(entry.base) as base:
            descriptor = base.file(entry.location)
            try:
                view = DescriptorView(descriptor, os.fstat(descriptor).st_size, entry.path)
                formats = scan_file(entry.path, view).formats
            finally:
                os.close(descriptor)
    except (OSError, UncheckedError):
        return True
    return not set(formats) <= INERT
