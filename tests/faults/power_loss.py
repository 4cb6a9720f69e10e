"""A recorder of what a process writes, and a disk that forgets what was not synced.

strace tells every call with its bytes. `Disk` replays a prefix of them: content counts only up to
the last `fsync` of its file, a name only up to the last `fsync` of its folder. That is stricter
than file systems are, as POSIX allows them to be. What was not synced may also survive in part and
in any order: `survivors` chooses.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

__all__ = ["CALLS", "Call", "Disk", "parse_trace"]

CALLS = (
    *("openat", "close", "write", "pwrite64", "fsync", "fdatasync", "ftruncate"),
    *("rename", "linkat", "unlink", "mkdir"),
)
SYNCS = frozenset({"fsync", "fdatasync"})
STDOUT = 1
_LINE = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
_HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


@dataclass(frozen=True)
class Call:
    """One system call that succeeded."""

    name: str
    strings: tuple[bytes, ...]
    rest: str
    """the arguments with the strings cut out"""
    result: int

    @property
    def numbers(self) -> list[int]:
        return [int(one) for one in re.findall(r"(?<![\w|])\d+", self.rest)]


def parse_trace(text: str) -> Iterator[Call]:
    """Yield the calls that succeeded; every string must be whole."""
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None or int(match[3]) < 0:
            continue
        found = list(_HEX.finditer(match[2]))
        assert not any(one[2] for one in found), "strace cut a string off"
        strings = tuple(bytes.fromhex(one[1].replace("\\x", "")) for one in found)
        yield Call(match[1], strings, _HEX.sub("", match[2]), int(match[3]))


@dataclass(eq=False)
class File:
    """One inode: what programs see, and what a power cut leaves."""

    seen: bytearray = field(default_factory=bytearray)
    kept: bytes = b""
    folder: str = ""
    """for a folder that is open: its path"""


class Disk:
    """The files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self.names: dict[str, File] = {}
        for path in sorted(root.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                self.names[str(path)] = File(bytearray(content), content)
        self.kept_names = dict(self.names)
        self._open: dict[int, File] = {}
        self.said = b""
        """what the process wrote to stdout"""

    def apply(self, call: Call) -> None:
        """Do one call."""
        getattr(self, f"_{call.name}")(call)

    def survivors(self, random: Random | None) -> dict[str, bytes]:
        """Return the files after a power cut; with `random`, some of what was not synced is there."""

        def luck() -> bool:
            return random is not None and random.random() < 0.5

        left: dict[str, bytes] = {}
        for path in self.kept_names.keys() | self.names.keys():
            old, new = self.kept_names.get(path), self.names.get(path)
            file = new if old is not new and luck() else old
            if file is not None and not path.endswith("-shm"):
                left[path] = bytes(file.seen) if luck() else file.kept
        return left

    def _openat(self, call: Call) -> None:
        path = os.fsdecode(call.strings[0])
        if not path.startswith(self._root):
            self._open.pop(call.result, None)
        elif "O_TMPFILE" in call.rest:
            self._open[call.result] = File()
        elif "O_DIRECTORY" in call.rest or os.path.isdir(path):  # noqa: PTH112 - as the call names it
            self._open[call.result] = File(folder=path)
        else:
            file = self.names.setdefault(path, File())
            if "O_TRUNC" in call.rest:
                file.seen.clear()
            self._open[call.result] = file

    def _close(self, call: Call) -> None:
        self._open.pop(call.numbers[0], None)

    def _write(self, call: Call) -> None:
        if call.numbers[0] == STDOUT:
            self.said += call.strings[0]
        elif call.numbers[0] in self._open:
            self._open[call.numbers[0]].seen += call.strings[0][: call.result]

    def _pwrite64(self, call: Call) -> None:
        descriptor, *_, offset = call.numbers
        file = self._open.get(descriptor)
        if file is not None:
            end = offset + call.result
            file.seen.extend(bytes(max(0, end - len(file.seen))))
            file.seen[offset:end] = call.strings[0][: call.result]

    def _ftruncate(self, call: Call) -> None:
        descriptor, size = call.numbers
        file = self._open.get(descriptor)
        if file is not None:
            file.seen.extend(bytes(max(0, size - len(file.seen))))
            del file.seen[size:]

    def _fsync(self, call: Call) -> None:
        file = self._open.get(call.numbers[0])
        if file is None:
            return
        if not file.folder:
            file.kept = bytes(file.seen)
            return
        for path in {one for one in (*self.names, *self.kept_names) if parent(one) == file.folder}:
            if path in self.names:
                self.kept_names[path] = self.names[path]
            else:
                self.kept_names.pop(path, None)

    _fdatasync = _fsync

    def _rename(self, call: Call) -> None:
        old, new = (os.fsdecode(one) for one in call.strings)
        if old in self.names:
            self.names[new] = self.names.pop(old)

    def _linkat(self, call: Call) -> None:
        source, target = (os.fsdecode(one) for one in call.strings)
        descriptor = re.fullmatch(r"/proc/self/fd/(\d+)", source)
        file = self._open.get(int(descriptor[1])) if descriptor else self.names.get(source)
        if file is not None and target.startswith(self._root):
            self.names[target] = file

    def _unlink(self, call: Call) -> None:
        self.names.pop(os.fsdecode(call.strings[0]), None)

    def _mkdir(self, call: Call) -> None:
        """Take folders as kept: an empty one holds nothing that could be lost."""


def parent(path: str) -> str:
    return path.rpartition("/")[0]
