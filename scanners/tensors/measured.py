"""How far tensors of two artifacts differ, by a second look at their bytes."""

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from weightmark.errors import FileChangedError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.diff.elements import ElementChanges, measure
from weightmark.provenance.diff.tensors import TensorChange
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.rereading import view_again
from weightmark.provenance.tensors import TensorEntry
from weightmark.scanners.tensors.catalogue import read_content
from weightmark.scanners.tensors.interface import FileContent, TensorSource
from weightmark.scanners.tensors.survey import WeightSet
from weightmark.values import dataclass

__all__ = ["Side", "measured"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two models."""

    artifact: Artifact
    """where the files are"""
    weights: WeightSet
    """which of them hold the tensors"""


def measured(
    before: Side, after: Side, changes: tuple[TensorChange, ...]
) -> dict[str, ElementChanges]:
    """Return how far the tensors of one type and shape differ, by name.

    What can't be measured is left out. Raises `FileChangedError` when a file has other bytes than
    were hashed, and as opening it does.
    """
    pairs = [pair for change in changes if (pair := _pair(change))]
    found: dict[str, ElementChanges] = {}
    if not pairs:
        return found
    numpy = _numpy()
    with ExitStack() as stack:
        first, second = (_sources(side, stack) for side in (before, after))
        for one, other in pairs:
            if one.name in first and one.name in second:
                blocks = _checked(first[one.name], one), _checked(second[one.name], other)
                far = measure(one.dtype, *blocks, numpy)
                if far:
                    found[one.name] = far
    return found


def _pair(change: TensorChange) -> tuple[TensorEntry, TensorEntry] | None:
    one, other = change.before, change.after
    if change.kind != "changed" or one is None or other is None:
        return None
    return (one, other) if (one.dtype, one.shape) == (other.dtype, other.shape) else None


def _sources(side: Side, stack: ExitStack) -> dict[str, TensorSource]:
    """Open the files of one side and find its tensors again."""
    entries = {entry.path: entry for entry in side.artifact.entries}
    own = side.weights.path
    paths = (own,) if own in side.weights.files else side.weights.files
    found: dict[str, TensorSource] = {}
    for path in paths:
        content = read_content(view_again(entries[path], stack))
        if content and isinstance(content[1], FileContent):
            found |= {one.name: one for one in content[1].tensors}
    return found


def _checked(source: TensorSource, entry: TensorEntry) -> Iterator[bytes]:
    """Yield the bytes of a tensor, and raise `FileChangedError` unless they are those of the table."""
    digest = new_digest(Column.BLAKE3)
    for block in source.blocks():
        digest.update(memoryview(block))
        yield block
    if digest.hexdigest() != entry.blake3:
        raise FileChangedError(
            f"the tensor `{entry.name[:80]}` changed while it was read",
            fix="run again when nothing writes to the file",
        )


def _numpy() -> Any:
    try:
        return import_module("numpy")
    except ImportError:
        return None
