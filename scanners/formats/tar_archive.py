"""Tar archives, torch's oldest format among them: every member, and every reading of the headers.

Readers differ: in whose size they believe, in whether a folder can have content, and in whether they
go on after the end. So each place where one of them looks for a header is looked at.
"""

from collections.abc import Iterator
from dataclasses import field
from posixpath import normpath
from typing import Final

from weightmark.errors import UncheckedError
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.containers.streams import held
from weightmark.scanners.containers.tar_headers import BLOCK, Header, Reader, is_header
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.torch_tar import PARTS, look_at_part
from weightmark.scanners.formats.trailing import report_program_behind
from weightmark.values import dataclass

__all__ = ["TarReader"]

_LINKS = frozenset(b"12")
_DEVICES = frozenset(b"346")
_SET_ID = 0o6000
_SHOWN_NAME = 120
_SEARCHED = 256 * 1024


@dataclass(frozen=True, slots=True)
class TarReader:
    """Reads an archive that begins with a header whose checksum is right."""

    name: Final[str] = "tar"

    def read(self, place: Place, examination: Examination) -> bool:
        """Look at all members; see `FormatReader.read`."""
        if len(place.head) < BLOCK or not any(place.head) or not is_header(place.head):
            return False
        _Archive(place, examination).read()
        return True


@dataclass(slots=True)
class _Archive:
    place: Place
    examination: Examination
    seen: set[tuple[int, int]] = field(default_factory=set)
    visited: set[int] = field(default_factory=set)
    names: dict[str, int] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)

    def read(self) -> None:
        """Walk from the start, then wherever else a reader might look for a header."""
        reader = Reader(self.place.view)
        aside: list[int] = []
        end = self._walk(reader, 0, aside)
        for offset in self._behind(end):
            if offset not in self.visited:
                self._find("TAR006", offset, f"a header at {offset}")
                self._walk(Reader(self.place.view), offset, aside)
        while aside:
            self._walk(Reader(self.place.view), aside.pop(), aside)
        if reader.repeated:
            self._find("TAR005", 0, "an extended header repeats a key")

    def _walk(self, reader: Reader, offset: int, aside: list[int]) -> int:
        """Look at members until the archive ends; return where that is."""
        view = self.place.view
        while offset < view.size and offset not in self.visited:
            self.visited.add(offset)
            self.examination.budget.spend_member()
            header = reader.header(offset)
            if header is None:
                self._check_end(offset)
                return offset
            self._judge(header)
            self._look(header)
            offset, *others = header.nexts
            if others:
                self._find("TAR005", header.start, f"`{_shown(header)}`: sizes differ")
                aside += others
        if offset > view.size:
            self._find("TAR008", view.size, "data reaches over the end")
            self.examination.problem("the tar is cut off", self.place)
        return offset

    def _check_end(self, offset: int) -> None:
        """Say so if something else than the end stands where a header belongs."""
        block = self.place.view.read_at(offset, BLOCK)
        if any(block):
            self._find("TAR008", offset, f"no header at {offset}")
            self.examination.problem(f"the tar is damaged at byte {offset}", self.place)

    def _behind(self, end: int) -> Iterator[int]:
        """Yield where headers stand after the end, which some readers go on to."""
        view = self.place.view
        at, hidden = end, False
        while at < view.size:
            data = view.read_at(at, _SEARCHED)
            if not data:
                return
            if data.count(0) != len(data):
                self.examination.budget.spend_gap(len(data))
                for start in range(0, len(data), BLOCK):
                    block = data[start : start + BLOCK]
                    if any(block) and is_header(block):
                        yield at + start
                    hidden = hidden or any(block)
            at += len(data)
        if hidden:
            self._find("TAR006", end, f"{view.size - end} bytes after the end")
            report_program_behind(self.place, end, self.examination)

    def _judge(self, header: Header) -> None:
        shown = f"`{_shown(header)}`"
        name = normpath(header.name.replace("\\", "/"))
        if _leaves(header.name) or self._passes_link(name):
            self._find("TAR001", header.start, shown)
        if header.kind in _LINKS:
            self._judge_link(header, name, shown)
        if header.kind in _DEVICES:
            self._find("TAR003", header.start, shown)
        if header.mode & _SET_ID and header.has_content:
            self._find("TAR004", header.start, f"{shown}: mode {header.mode:o}")
        if name in self.names and header.has_content and self.names[name] != header.start:
            self._find("TAR007", header.start, shown)
        if header.became_folder:
            self._find("TAR005", header.start, f"{shown}: names differ")
        if header.has_content:
            self.names[name] = header.start

    def _judge_link(self, header: Header, name: str, shown: str) -> None:
        """A hard link's target counts from the archive's root, a symbolic one's from its folder."""
        folder = "" if header.kind == ord("1") else name.rpartition("/")[0]
        target = (
            header.link if header.link.startswith("/") else f"{folder}/{header.link}".lstrip("/")
        )
        rule = "TAR001" if _leaves(target, inside=True) else "TAR002"
        self._find(rule, header.start, f"{shown} → `{_clean(header.link)}`")
        self.links.add(name)

    def _passes_link(self, name: str) -> bool:
        """Tell a path that goes through a link of the archive."""
        parts = name.split("/")
        return any("/".join(parts[:count]) in self.links for count in range(1, len(parts)))

    def _look(self, header: Header) -> None:
        """Look at the content in each size that a reader may take."""
        sizes = {header.size, header.plain_size} if header.has_content else {header.plain_size}
        for size in sorted(sizes - {0}):
            part = (header.data, size)
            if part in self.seen:
                continue
            self.seen.add(part)
            self._content(header, size)

    def _content(self, header: Header, size: int) -> None:
        view = self.place.view
        content = Slice(view, header.data, max(0, min(size, view.size - header.data)))
        if header.sparse:
            self.examination.problem(f"`{_shown(header)}` is stored as a sparse file", self.place)
        try:
            inner = self.place.inside(_shown(header), held(content))
            part = normpath(header.name)
            if part in PARTS and look_at_part(part, inner, self.examination):
                self.examination.also_read_as("torch-tar", self.place)
            elif not self.examination.look(inner):
                self.examination.unknown_members += 1
        except UncheckedError as error:
            self.examination.problem(f"`{_shown(header)}`: {error.what}", self.place)

    def _find(self, rule: str, offset: int, detail: str) -> None:
        self.examination.find(rule, self.place, offset=offset, detail=detail)


def _leaves(name: str, *, inside: bool = False) -> bool:
    """Tell an absolute path, and one that goes up: at all, or with `inside` out of the root."""
    path = name.replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":" or any(ord(letter) < 32 for letter in path):  # noqa: PLR2004 - control characters
        return True
    return normpath(path).startswith("..") if inside else ".." in path.split("/")


def _shown(header: Header) -> str:
    return _clean(header.name)


def _clean(name: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:_SHOWN_NAME])
