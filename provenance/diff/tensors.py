"""What changed between two tables of tensors, and whether the weights are the same."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import prod
from typing import Self

from weightmark.provenance.tensors import TensorEntry, TensorTable
from weightmark.values import dataclass

__all__ = ["Relation", "TensorChange", "TensorDifferences"]


class Relation(StrEnum):
    """How the weights of two models stand to each other."""

    IDENTICAL = "identical"
    """the same names, types, shapes and bytes"""
    SAME_VALUES = "same-values"
    """the same values, some of them under other names; no name has got other values"""
    DIFFERENT = "different"
    """a tensor has other values, or is in one model only"""
    NOT_COMPARABLE = "not-comparable"
    """nothing differs but by what a format can't say: order of dimensions, shape, or type"""


@dataclass(frozen=True, slots=True)
class TensorChange:
    """One name whose tensor is not the same in both tables."""

    kind: str
    """`changed`, `retyped`, `reshaped`, `permuted`, `renamed`, `added` or `removed`"""
    before: TensorEntry | None
    """the tensor in the first table; None for `added`"""
    after: TensorEntry | None
    """the tensor in the second table; None for `removed`"""
    twin: str = ""
    """a name in the other table that has these values; for `changed` the first table's"""

    @property
    def name(self) -> str:
        """The name in the first table, or the only one."""
        entry = self.before or self.after
        return entry.name if entry else ""

    @property
    def relation(self) -> Relation:
        """What this change alone says about the weights."""
        if self.kind == "renamed" or (self.kind in {"added", "removed"} and self.twin):
            return Relation.SAME_VALUES
        if self.kind == "permuted":
            return Relation.NOT_COMPARABLE
        same_bytes = self.before and self.after and self.before.blake3 == self.after.blake3
        if self.kind in {"retyped", "reshaped"} and same_bytes:
            return Relation.NOT_COMPARABLE
        return Relation.DIFFERENT


@dataclass(frozen=True, slots=True)
class TensorDifferences:
    """All differences between two tables."""

    identical: int
    """names whose tensors are the same in both"""
    changes: tuple[TensorChange, ...]
    """sorted by name"""

    @classmethod
    def between(cls, before: TensorTable, after: TensorTable) -> Self:
        """Compare two tables, name by name; what is left over is paired by its values."""
        first = {one.name: one for one in before.entries}
        second = {one.name: one for one in after.entries}
        common = [name for name in first if name in second]
        changed = [
            _changed(first[name], second[name], _names(before.entries))
            for name in common
            if first[name].value_line != second[name].value_line
        ]
        left = _unpaired(first, second)
        changes = [*changed, *left]
        changes.sort(key=lambda one: (one.name.encode("utf-8", "surrogatepass"), one.kind))
        return cls(len(common) - len(changed), tuple(changes))

    @property
    def relation(self) -> Relation:
        """How the weights stand to each other."""
        found = {change.relation for change in self.changes}
        for relation in (Relation.DIFFERENT, Relation.NOT_COMPARABLE, Relation.SAME_VALUES):
            if relation in found:
                return relation
        return Relation.IDENTICAL


def _names(entries: Iterable[TensorEntry]) -> dict[str, str]:
    """Return the first name of each value."""
    found: dict[str, str] = {}
    for one in entries:
        found.setdefault(one.value_line, one.name)
    return found


def _changed(before: TensorEntry, after: TensorEntry, names: Mapping[str, str]) -> TensorChange:
    twin = names.get(after.value_line, "")
    if before.shape == after.shape:
        kind = "changed" if before.dtype == after.dtype else "retyped"
    elif before.dtype == after.dtype and sorted(before.shape) == sorted(after.shape):
        kind = "permuted"
    else:
        kind = "reshaped" if prod(before.shape) == prod(after.shape) else "changed"
    return TensorChange("changed" if twin else kind, before, after, twin)


def _unpaired(
    first: Mapping[str, TensorEntry], second: Mapping[str, TensorEntry]
) -> list[TensorChange]:
    """Pair removed with added names by their values, each name once."""
    added: dict[str, list[TensorEntry]] = {}
    for name in sorted(second.keys() - first.keys(), reverse=True):
        added.setdefault(second[name].value_line, []).append(second[name])
    here, there = _names(first.values()), _names(second.values())
    changes = []
    for name in sorted(first.keys() - second.keys()):
        one = first[name]
        partners = added.get(one.value_line)
        if partners:
            changes.append(TensorChange("renamed", one, partners.pop()))
        else:
            changes.append(TensorChange("removed", one, None, there.get(one.value_line, "")))
    for rest in added.values():
        changes += [TensorChange("added", None, one, here.get(one.value_line, "")) for one in rest]
    return changes
