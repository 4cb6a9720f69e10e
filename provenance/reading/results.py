"""Results: what one read of an artifact gives."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Generic, Self, TypeVar

from weightmark.provenance.artifact import Entry
from weightmark.provenance.foreign_digests import sharded_digest
from weightmark.provenance.manifest import Manifest, Row
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.shards import Sharding
from weightmark.values import dataclass

__all__ = ["FileDigests", "Reading"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileDigests:
    """What one read of one file gave."""

    entry: Entry
    """the file"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex, or empty when not asked for"""
    sha256: str
    """lowercase hex, or empty when not asked for"""
    blake2b: str = ""
    """lowercase hex, or empty when not asked for"""
    shards: tuple[str, ...] = ()
    """digests of the shards, lowercase hex; empty when not asked for, and for an empty file"""
    sharding: Sharding | None = None
    """how the shards were cut; None when not asked for"""
    remembered: bool = False
    """whether the digests are those of an earlier read, by a receipt"""

    @classmethod
    def of(
        cls,
        entry: Entry,
        size: int,
        digests: Mapping[Column, str],
        *,
        shards: tuple[str, ...] = (),
        sharding: Sharding | None = None,
        remembered: bool = False,
    ) -> Self:
        """Sort digests into their fields; a size that was listed is kept once."""
        return cls(
            entry,
            entry.size if entry.size == size else size,
            digests.get(Column.BLAKE3, ""),
            digests.get(Column.SHA256, ""),
            digests.get(Column.BLAKE2B, ""),
            shards,
            sharding,
            remembered,
        )

    @property
    def path(self) -> str:
        """Relative path of the file."""
        return self.entry.path

    @property
    def sharded_digest(self) -> str:
        """Size and shard digests in one text."""
        return sharded_digest(self.size, self.shards)

    def digest(self, column: Column) -> str:
        """Return one digest, lowercase hex, or empty when not asked for."""
        found: str = getattr(self, column)
        return found


@dataclass(frozen=True)
class Reading(Generic[T]):
    """Everything that one read of an artifact gave, in the order of the artifact's entries."""

    files: tuple[FileDigests, ...]
    """digests"""
    inspections: tuple[T, ...]
    """what the inspector returned for each file; empty without an inspector"""

    @property
    def remembered(self) -> int:
        """How many files were not read again, because receipts show that they did not change."""
        return sum(file.remembered for file in self.files)

    @cached_property
    def sha256(self) -> Mapping[str, str]:
        """Path to SHA-256, lowercase hex, of every file; empty texts where it was not asked for."""
        return MappingProxyType({file.entry.path: file.sha256 for file in self.files})

    def manifest(self) -> Manifest:
        """Return the manifest; raises `NoInputError` for an artifact without files."""
        return self._manifest

    @cached_property
    def _manifest(self) -> Manifest:
        return Manifest.from_rows(
            Row(file.entry.path, file.size, file.blake3) for file in self.files
        )
