"""Tensor tables, made by the very read that signs a file."""

from dataclasses import replace
from typing import Any, Generic, TypeVar

from weightmark.attestations.loading.weights.layout import LENGTH_FIELD, Layout, header_end
from weightmark.attestations.predicates.tensors import FileTable, TensorPlace
from weightmark.errors import WeightmarkError
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.engine import Inspector, Reading
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.tensors.safetensors import PassingSafetensors, SafetensorsTensors
from weightmark.values import dataclass

__all__ = ["Seen", "TableWatcher", "tables_of"]

T = TypeVar("T")
_HEAD = 64


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What one read of a file told."""

    inspection: T | None
    """what the inspector said; None without one"""
    table: FileTable | None
    """the tensors, as those of a single file; None for what is no sound safetensors file"""


class TableWatcher(Generic[T]):
    """Takes the blocks of one file and hashes its tensors as they pass; see `Watcher`."""

    def __init__(self, label: str, size: int, inspect: Inspector[T] | None) -> None:
        """Begin a file of `size` bytes; `inspect` looks at it once it has passed."""
        self._label = label
        self._size = size
        self._inspect = inspect
        self._head = b""
        self._passing: PassingSafetensors | None = None

    @property
    def looks_again(self) -> bool:
        """Whether the header, or the inspector, needs a second look."""
        return self._inspect is not None or self._passing is not None

    def update(self, block: memoryview, /) -> None:
        """Take the next block."""
        if not self._head:
            self._head = bytes(block[:_HEAD])
            if SafetensorsTensors().recognises(self._head):
                self._passing = PassingSafetensors(self._size)
        if self._passing:
            try:
                self._passing.update(block)
            except WeightmarkError:
                self._passing = None

    def finish(self, view: ByteView, /) -> Seen[T]:
        """Return the inspection, and the table where the file has one."""
        inspection = self._inspect(self._label, view) if self._inspect else None
        return Seen(inspection, self._table(view))

    def _table(self, view: ByteView) -> FileTable | None:
        if self._passing is None:
            return None
        try:
            digests = {one.name: one.blake3 for one in self._passing.entries()}
            end = header_end(view.read_at(0, LENGTH_FIELD), view.size)
            head = view.read_at(0, end)
            tensors = Layout.parse(head, view.size).tensors.values()
        except WeightmarkError:
            return None
        digest = new_digest(Column.BLAKE3)
        digest.update(memoryview(head))
        places = [
            TensorPlace(one.name, end + one.start, one.end - one.start, digests[one.name])
            for one in tensors
        ]
        places.sort(key=lambda one: one.order)
        return FileTable(SINGLE_FILE, view.size, end, digest.hexdigest(), tuple(places))


def tables_of(reading: Reading[Seen[Any]]) -> list[FileTable]:
    """Return the tables of all files, each under its path."""
    return [
        replace(seen.table, path=file.path)
        for file, seen in zip(reading.files, reading.inspections, strict=True)
        if seen.table
    ]
