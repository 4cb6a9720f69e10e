"""Manifest v1: the canonical list of an artifact's files, and the identity that follows from it.

Byte for byte in docs/formats/manifest-v1.md. The first line is ``weightmark-manifest/v1``, then
one line a file, ``<blake3 hex> <size> <path>``, sorted by the UTF-8 bytes of the unescaped path;
every line ends in ``\\n``. The identity is the SHA-256 of these bytes, written ``wm1:<hex>``.
"""

import hashlib
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice, pairwise
from typing import Self

from weightmark.errors import MalformedError, NoInputError
from weightmark.provenance.collector import paused_collector
from weightmark.provenance.names import (
    are_plain,
    escape_path,
    path_problem,
    sort_key,
    unescape_path,
)
from weightmark.values import dataclass

__all__ = [
    "IDENTITY_PREFIX",
    "MANIFEST_HEADER",
    "MANIFEST_MEDIA_TYPE",
    "SINGLE_FILE",
    "Manifest",
    "Row",
    "parse_identity",
]

MANIFEST_HEADER = b"weightmark-manifest/v1\n"
MANIFEST_MEDIA_TYPE = "application/vnd.weightmark.manifest.v1"
IDENTITY_PREFIX = "wm1:"
SINGLE_FILE = "."
"""the path of the only file of a single-file artifact, so that renaming it keeps its identity"""

_ROW = re.compile(rb"([0-9a-f]{64}) (0|[1-9][0-9]{0,18}) ([^\n]+)")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]+")
_MAX_SIZE = 10**19 - 1
"""bytes: what 19 digits can say"""
_HEX_DIGITS = 64
_ROWS_AT_ONCE = 4096
_IDENTITY = re.compile(r"wm1:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Row:
    """One file of a manifest."""

    path: str
    """relative POSIX path, unescaped; `.` for a single file"""
    size: int
    """bytes"""
    blake3: str
    """BLAKE3-256 of the content, lowercase hex"""

    def line(self) -> bytes:
        """Return the canonical line, with its line end."""
        return f"{self.blake3} {self.size} {escape_path(self.path)}\n".encode()


@dataclass(frozen=True)
class Manifest:
    """All files of an artifact: at least one, sorted, each path once."""

    rows: tuple[Row, ...]
    """sorted by the UTF-8 bytes of the path"""

    @classmethod
    def from_rows(cls, rows: Iterable[Row]) -> Self:
        """Sort and check rows; raises `NoInputError` for none and `MalformedError` for a bad or doubled path or a size over 19 digits."""
        with paused_collector():
            return cls._from_rows(tuple(rows))

    @classmethod
    def _from_rows(cls, listed: tuple[Row, ...]) -> Self:
        if not listed:
            raise NoInputError(
                "an artifact without files has no identity", fix="name a folder that holds files"
            )
        for row in listed if not _are_sound(listed) else ():
            problem = path_problem(row.path)
            if problem:
                raise MalformedError(f"the path `{escape_path(row.path)}` {problem}")
            if not _DIGEST.fullmatch(row.blake3):
                raise MalformedError(f"the digest of `{escape_path(row.path)}` is no BLAKE3")
            if not 0 <= row.size <= _MAX_SIZE:
                raise MalformedError(f"the size of `{escape_path(row.path)}` is out of range")
        ordered = _ordered(listed)
        if len(ordered) > 1 and any(row.path == SINGLE_FILE for row in ordered):
            raise MalformedError("the path `.` stands beside other paths in the manifest")
        return cls(ordered)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse canonical bytes; raises `MalformedError` for any byte that the canonical form would not have."""
        if not data.startswith(MANIFEST_HEADER):
            raise MalformedError("not a manifest: the first line is not `weightmark-manifest/v1`")
        if not data.endswith(b"\n"):
            raise MalformedError("the manifest does not end in a line feed")
        rows = [
            _parse_row(number, line) for number, line in enumerate(data.split(b"\n")[1:-1], start=2)
        ]
        manifest = cls.from_rows(rows)
        if manifest.canonical_bytes != data:
            raise MalformedError("the manifest is not in canonical order")
        return manifest

    @cached_property
    def canonical_bytes(self) -> bytes:
        """The bytes whose SHA-256 is the identity."""
        return MANIFEST_HEADER + b"".join(self._blocks())

    @cached_property
    def identity(self) -> str:
        """The identity, `wm1:` and 64 lowercase hex digits."""
        digest = hashlib.sha256(MANIFEST_HEADER)
        for block in self._blocks():
            digest.update(block)
        return IDENTITY_PREFIX + digest.hexdigest()

    @cached_property
    def escaped_paths(self) -> Sequence[str]:
        """The paths as lines write them, in the order of the rows."""
        paths = [row.path for row in self.rows]
        return paths if are_plain(paths) else [escape_path(path) for path in paths]

    @property
    def lines(self) -> Iterator[bytes]:
        """The canonical lines, each with its line end, in the order of the rows."""
        for block in self._blocks():
            yield from block.splitlines(keepends=True)

    def _blocks(self) -> Iterator[bytes]:
        """Yield the canonical bytes of many lines at once."""
        for start in range(0, len(self.rows), _ROWS_AT_ONCE):
            rows = self.rows[start : start + _ROWS_AT_ONCE]
            paths = self.escaped_paths[start : start + _ROWS_AT_ONCE]
            lines = [
                f"{row.blake3} {row.size} {path}\n" for row, path in zip(rows, paths, strict=True)
            ]
            yield "".join(lines).encode()

    @property
    def total_size(self) -> int:
        """Bytes of all files together."""
        return sum(row.size for row in self.rows)


def parse_identity(text: str) -> str:
    """Return `text` if it is an identity; raises `MalformedError`."""
    if not _IDENTITY.fullmatch(text):
        raise MalformedError(
            f"`{text[:100]}` is no identity",
            fix="an identity is `wm1:` and 64 lowercase hex digits",
        )
    return text


def _are_sound(rows: Sequence[Row]) -> bool:
    """Tell of all rows at once that nothing is wrong with any; False leaves it open."""
    sizes = [row.size for row in rows]
    digests = [row.blake3 for row in rows]
    return (
        min(sizes) >= 0
        and max(sizes) <= _MAX_SIZE
        and set(map(len, digests)) == {_HEX_DIGITS}
        and bool(_HEX.fullmatch("".join(digests)))
        and are_plain([row.path for row in rows])
    )


def _ordered(listed: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows by their paths; those that were read from a tree or a manifest are in order already."""
    keys = [row.path.encode() for row in listed]
    if all(map(operator.lt, keys, islice(keys, 1, None))):
        return listed
    ordered = tuple(sorted(listed, key=lambda row: sort_key(row.path)))
    for before, row in pairwise(ordered):
        if before.path == row.path:
            raise MalformedError(f"the path `{escape_path(row.path)}` stands twice in the manifest")
    return ordered


def _parse_row(number: int, line: bytes) -> Row:
    match = _ROW.fullmatch(line)
    if not match:
        raise MalformedError(f"line {number} of the manifest is not `<blake3> <size> <path>`")
    try:
        path = match[3].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(f"line {number} of the manifest is not UTF-8") from error
    return Row(unescape_path(path), int(match[2]), match[1].decode("ascii"))
