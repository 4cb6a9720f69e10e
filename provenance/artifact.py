"""An artifact: a tree or a single file, listed once without following anything that leaves it.

Listing opens no regular file. What can't be part of an identity becomes a `Problem`; whoever signs
refuses them, whoever verifies reports them as extra files.
"""

import errno
import os
import stat
from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Self

from weightmark.errors import ArtifactRefusedError, CallError, NoInputError, read_failure
from weightmark.patterns import lazy_pattern
from weightmark.provenance.beneath import Beneath
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.links import LinkKind, LinkResolver
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.names import (
    NameClash,
    component_problem,
    escape_path,
    find_clashes,
    sort_key,
)
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES, SidecarPaths
from weightmark.values import dataclass

__all__ = ["Artifact", "Entry", "Outside", "Problem", "ProblemKind", "nothing_at", "open_artifact"]


_ONE_SLASH = lazy_pattern(r"\A([a-z][a-z0-9+]+):/(?!/)")


class ProblemKind(StrEnum):
    """Why a name can't be part of an identity."""

    NAME = "name"
    """the name itself: not UTF-8, or a reserved name in other letters"""
    LINK = "link"
    """a link that leaves the root, leads to a folder, is broken or runs in a circle"""
    SPECIAL = "special"
    """a FIFO, a device or a socket; never opened"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the tree that no identity can cover."""

    kind: ProblemKind
    """what sort of thing it is"""
    path: str
    """relative path, escaped so that it can be printed"""
    reason: str
    """why, in words that follow the path"""

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"`{self.path}` {self.reason}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file of the artifact."""

    path: str
    """relative POSIX path; `.` for a single file"""
    size: int
    """bytes, when it was listed"""
    device: int
    """device number of the bytes; with `inode`, which file it really is"""
    inode: int
    """inode number of the bytes"""
    link: LinkKind
    """whether the name is a link, and of which kind"""
    base: str
    """the folder beneath which the bytes are opened"""
    location: str
    """relative path beneath `base`, free of links"""


@dataclass(frozen=True, slots=True)
class Outside:
    """A root folder that lies outside of the artifact, such as `.git`."""

    path: str
    """relative path"""
    files: int
    """how many files it holds, at any depth"""


@dataclass(frozen=True)
class Artifact:
    """A model or a dataset as it lies on disk."""

    path: Path
    """as the caller named it, made absolute and free of links"""
    name: str
    """last component of the path as the caller named it; bytes that are not UTF-8 as `\\xHH`"""
    single: bool
    """whether it is one file rather than a tree"""
    entries: tuple[Entry, ...]
    """the files, sorted by the UTF-8 bytes of their paths; without reserved names"""
    problems: tuple[Problem, ...]
    """what no identity can cover"""
    outside: tuple[Outside, ...]
    """what lies outside of the artifact"""
    sidecars: SidecarPaths
    """where signature, claims and receipt stand"""

    @cached_property
    def clashes(self) -> tuple[NameClash, ...]:
        """Names that become something else on other systems."""
        with paused_collector():
            return find_clashes(entry.path for entry in self.entries)

    @property
    def has_links(self) -> bool:
        """Whether any name is a link inside the root (links into a hub cache's storage are none)."""
        return any(entry.link is LinkKind.INSIDE for entry in self.entries)

    @property
    def sibling_claims(self) -> Path | None:
        """Where claims go that must not stand inside the tree; None for a single file and for `/`."""
        if self.single or not self.path.name:
            return None
        return self.path.with_name(self.path.name + ".claims")

    def require_identifiable(self) -> Self:
        """Return the artifact itself; raises `ArtifactRefusedError` or `NoInputError` when it can't have an identity."""
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise ArtifactRefusedError(
                f"{self.problems[0]}{more}",
                why="an identity covers regular files with plain names only",
                fix="remove it, or replace a link by the file that it means",
            )
        if not self.entries:
            raise NoInputError(
                f"`{self.path}` holds no files", fix="name a folder that holds files"
            )
        return self

    def require_portable(self) -> Self:
        """Return the artifact itself; raises `ArtifactRefusedError` when names clash on other systems."""
        for clash in self.clashes:
            names = " and ".join(f"`{escape_path(path)}`" for path in clash.paths)
            raise ArtifactRefusedError(f"{names} {clash.reason}", fix="rename one of them")
        return self


def open_artifact(path: str | os.PathLike[str]) -> Artifact:
    """List the artifact at `path`, a folder or a file.

    Raises `CallError` when nothing is there, `ArtifactRefusedError` for a device or FIFO,
    `ReadError` when listing fails.
    """
    named = Path(path)
    try:
        real = Path(os.path.realpath(named, strict=True))
        status = real.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise nothing_at(os.fspath(path)) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ArtifactRefusedError(
                f"`{named}` is a loop of links", fix="name a real folder or file"
            ) from error
        raise read_failure(named, error) from error
    if stat.S_ISDIR(status.st_mode):
        return _open_tree(named, real)
    if stat.S_ISREG(status.st_mode):
        return _open_file(named, real, status)
    raise ArtifactRefusedError(
        f"`{named}` is a FIFO, device or socket", fix="name a folder or a regular file"
    )


def nothing_at(path: str) -> CallError:
    """Say that nothing is there; an address, of which `Path` takes a slash, is told from a path."""
    from weightmark.provenance.sources.addresses import printable_uri
    from weightmark.provenance.sources.choice import is_remote

    uri = _ONE_SLASH.sub(r"\1://", path)
    if not is_remote(uri):
        return CallError(f"`{Path(path)}` does not exist", fix="check the path")
    shown = printable_uri(uri)
    return CallError(
        f"`{shown}` is an address, and no path on this machine",
        fix=f"fetch it with `weightmark pull {shown} --to DIR` first; `weightmark verify {shown}` needs no copy",
    )


def _open_file(named: Path, real: Path, status: os.stat_result) -> Artifact:
    entry = Entry(
        SINGLE_FILE,
        status.st_size,
        status.st_dev,
        status.st_ino,
        LinkKind.NONE,
        str(real.parent),
        real.name,
    )
    beside = named.parent.resolve() / named.name
    sidecars = SidecarPaths.of_file(beside)
    return Artifact(real, _printable(named.name), True, (entry,), (), (), sidecars)


def _open_tree(named: Path, real: Path) -> Artifact:
    lister = _Lister(real)
    try:
        with paused_collector():
            lister.run()
    except OSError as error:
        raise read_failure(error.filename or real, error) from error
    name = named.name if named.name not in ("", "..") else real.name
    return Artifact(
        path=real,
        name=_printable(name) or "root",
        single=False,
        entries=tuple(sorted(lister.entries, key=lambda entry: sort_key(entry.path))),
        problems=tuple(sorted(lister.problems, key=lambda problem: problem.path)),
        outside=tuple(lister.outside),
        sidecars=SidecarPaths.of_tree(real, lister.links.blobs),
    )


class _Lister:
    """Walks one tree by descriptors; a folder that turns into a link meanwhile stops the walk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.base = str(root)
        self.devices: dict[int, int] = {}
        self.links = LinkResolver.for_root(root)
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.outside: list[Outside] = []

    def run(self) -> None:
        with Beneath(self.root) as tree:
            pending: list[tuple[str, ...]] = [()]
            while pending:
                parents = pending.pop()
                try:
                    folder = tree.folder(parents)
                    with os.scandir(folder) as found:
                        items = list(found)
                except OSError as error:
                    error.filename = self.root.joinpath(*parents)
                    raise
                others = self._take_ordinary(items, parents) if parents else items
                pending += [(*parents, item.name) for item in others if self._take(item, parents)]

    def _take_ordinary(
        self, items: Sequence[os.DirEntry[str]], parents: tuple[str, ...]
    ) -> list[os.DirEntry[str]]:
        """Record the files of a folder whose names need no second look; return everything else."""
        prefix, base, none = "".join(f"{parent}/" for parent in parents), self.base, LinkKind.NONE
        add, others, device = self.entries.append, [], -1
        for item in items:
            if item.name.isascii() and item.is_file(follow_symlinks=False):
                status = item.stat(follow_symlinks=False)
                if device != status.st_dev:
                    device = self.devices.setdefault(status.st_dev, status.st_dev)
                path = prefix + item.name
                add(Entry(path, status.st_size, device, status.st_ino, none, base, path))
            else:
                others.append(item)
        return others

    def _take(self, item: os.DirEntry[str], parents: tuple[str, ...]) -> bool:
        """Record one name; return whether it is a folder to walk into."""
        path = "/".join((*parents, item.name))
        if not parents and self._is_reserved(item.name):
            return False
        problem = component_problem(os.fsencode(item.name))
        if problem:
            self._refuse(ProblemKind.NAME, path, problem)
        elif self._is_outside(path, item):
            self.outside.append(Outside(path, _count_files(self.root / path)))
        elif item.is_symlink():
            self._take_link(path)
        elif item.is_dir(follow_symlinks=False):
            return True
        elif item.is_file(follow_symlinks=False):
            status = item.stat(follow_symlinks=False)
            self._add(path, status, LinkKind.NONE, self.base, path)
        else:
            self._refuse(ProblemKind.SPECIAL, path, "is a FIFO, device or socket")
        return False

    def _is_reserved(self, name: str) -> bool:
        if name in RESERVED_NAMES:
            return True
        if name.casefold() in RESERVED_NAMES:
            self._refuse(
                ProblemKind.NAME, name, f"is the reserved name `{name.casefold()}` in other letters"
            )
            return True
        return False

    @staticmethod
    def _is_outside(path: str, item: os.DirEntry[str]) -> bool:
        if path == ".git":
            return item.is_dir(follow_symlinks=False) or item.is_file(follow_symlinks=False)
        return path in OUTSIDE and item.is_dir(follow_symlinks=False)

    def _take_link(self, path: str) -> None:
        target = self.links.resolve(path)
        if isinstance(target, str):
            self._refuse(ProblemKind.LINK, path, target)
        else:
            self._add(path, target.status, target.kind, target.base, target.location)

    def _add(
        self, path: str, status: os.stat_result, link: LinkKind, base: str, location: str
    ) -> None:
        device = self.devices.setdefault(status.st_dev, status.st_dev)
        self.entries.append(
            Entry(path, status.st_size, device, status.st_ino, link, base, location)
        )

    def _refuse(self, kind: ProblemKind, path: str, reason: str) -> None:
        self.problems.append(Problem(kind, escape_path(_printable(path)), reason))


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _count_files(path: Path) -> int:
    if not path.is_dir():
        return 1
    return sum(len(files) for _, _, files in os.walk(path))
