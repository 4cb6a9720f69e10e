"""Predicate `tensors/v1`: where each tensor of a safetensors file stands, and the digest of its bytes.

With it a loader can check one tensor without reading the others (docs/formats/claims.md).
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.names import escape_path, path_problem, sort_key
from weightmark.values import dataclass

__all__ = [
    "MOST_TENSORS",
    "TENSORS_PREDICATE",
    "FileTable",
    "TensorPlace",
    "TensorsClaim",
    "fits_a_claim",
]

TENSORS_PREDICATE = "https://weightmark/predicates/tensors/v1"
MOST_TENSORS = 250_000
"""tensors that one claim lists at most"""
_MOST_BYTES = 16 * 1024 * 1024
_ROW = 160
"""bytes of a row of JSON, without the name"""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**53
_PREFIX = 8
_WHAT = "the tensors predicate"


@dataclass(frozen=True, slots=True)
class TensorPlace:
    """Where one tensor stands in its file."""

    name: str
    """its key in the header"""
    offset: int
    """first byte, counted from the beginning of the file"""
    size: int
    """bytes"""
    blake3: str
    """of these bytes, lowercase hex"""

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + self.size

    @property
    def order(self) -> tuple[int, int, bytes]:
        """Key by which the tensors of a file are sorted."""
        return self.offset, self.size, self.name.encode()


@dataclass(frozen=True, slots=True)
class FileTable:
    """One safetensors file: its header, and its tensors, which fill the rest of it."""

    path: str
    """relative path in the artifact; `.` for a single file"""
    size: int
    """bytes of the file"""
    header_size: int
    """bytes of the length field and the header"""
    header_blake3: str
    """of these bytes, lowercase hex"""
    tensors: tuple[TensorPlace, ...]
    """sorted by offset, without gaps"""

    def __post_init__(self) -> None:
        problem = self._place_problem() or self._order_problem()
        if problem:
            raise MalformedError(
                f"the tensor table of `{escape_path(self.path[:200])}` contradicts itself: {problem}"
            )

    def _place_problem(self) -> str:
        if path_problem(self.path):
            return "it names no file of an artifact"
        if not _PREFIX < self.header_size <= self.size < _LARGEST:
            return "the header does not lie in the file"
        if len({one.name for one in self.tensors}) != len(self.tensors):
            return "two tensors have one name"
        return ""

    def _order_problem(self) -> str:
        if tuple(sorted(self.tensors, key=lambda one: one.order)) != self.tensors:
            return "the tensors are not in order"
        at = self.header_size
        for one in self.tensors:
            if one.offset != at:
                return f"`{escape_path(one.name[:80])}` does not begin where the data before end"
            at = one.end
        return "" if at == self.size else "the tensors do not fill the file"

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "path": self.path,
            "size": self.size,
            "header": {"size": self.header_size, "blake3": self.header_blake3},
            "tensors": [
                {"name": one.name, "offset": one.offset, "size": one.size, "blake3": one.blake3}
                for one in self.tensors
            ],
        }


@dataclass(frozen=True, slots=True)
class TensorsClaim:
    """A statement "the tensors of these files stand there and have these digests"."""

    files: tuple[FileTable, ...]
    """sorted by the UTF-8 bytes of their paths; at least one"""

    @classmethod
    def of(cls, tables: Iterable[FileTable]) -> Self:
        """Sort tables into a claim; raises `MalformedError` for none, for two of one file, and for too many tensors."""
        files = tuple(sorted(tables, key=lambda one: sort_key(one.path)))
        if not files:
            raise MalformedError(f"{_WHAT} lists no file")
        for before, after in pairwise(files):
            if before.path == after.path:
                raise MalformedError(f"{_WHAT} lists `{escape_path(after.path)}` twice")
        if sum(len(file.tensors) for file in files) > MOST_TENSORS:
            raise MalformedError(f"{_WHAT} lists over {MOST_TENSORS} tensors")
        return cls(files)

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError` for a table that contradicts itself."""
        fields = require_fields(statement.predicate, _WHAT, {"files"})
        if not isinstance(fields["files"], list):
            raise MalformedError(f"{_WHAT} has fields of the wrong type")
        listed = tuple(_parse_file(value) for value in fields["files"])
        claim = cls.of(listed)
        if claim.files != listed:
            raise MalformedError(f"{_WHAT} is not in order")
        return claim

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"files": [file.to_json() for file in self.files]}


def fits_a_claim(tables: Sequence[FileTable]) -> bool:
    """Tell whether there is anything to list, and not more than some signers' claims can hold side by side."""
    rows = [one for table in tables for one in table.tensors]
    size = sum(_ROW + 2 * len(one.name.encode()) for one in rows)
    return bool(tables) and len(rows) <= MOST_TENSORS and size <= _MOST_BYTES


def _parse_file(value: object) -> FileTable:
    fields = require_fields(value, f"a file of {_WHAT}", {"path", "size", "header", "tensors"})
    header = require_fields(fields["header"], f"a header of {_WHAT}", {"size", "blake3"})
    if not isinstance(fields["tensors"], list):
        raise MalformedError(f"a file of {_WHAT} has fields of the wrong type")
    return FileTable(
        _text(fields["path"]),
        _number(fields["size"]),
        _number(header["size"]),
        _digest(header["blake3"]),
        tuple(_parse_tensor(one) for one in fields["tensors"]),
    )


def _parse_tensor(value: object) -> TensorPlace:
    fields = require_fields(value, f"a tensor of {_WHAT}", {"name", "offset", "size", "blake3"})
    return TensorPlace(
        _text(fields["name"]),
        _number(fields["offset"]),
        _number(fields["size"]),
        _digest(fields["blake3"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"a name or path in {_WHAT} is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise MalformedError(f"an offset or size in {_WHAT} is out of range")
    return value


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise MalformedError(f"a BLAKE3 in {_WHAT} is not 64 lowercase hex digits")
    return value
