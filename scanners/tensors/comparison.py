"""The weights of two models beside each other: which sets belong together, and how they differ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from weightmark.provenance.diff.elements import ElementChanges
from weightmark.provenance.diff.tensors import Relation, TensorDifferences
from weightmark.provenance.tensors import TensorTable
from weightmark.scanners.tensors.measured import Side, measured
from weightmark.scanners.tensors.survey import WeightSet, WeightSurvey
from weightmark.values import dataclass

__all__ = ["SetComparison", "compare_weights"]

_SAME = frozenset({Relation.IDENTICAL, Relation.SAME_VALUES})
_NOTHING = TensorTable(())


@dataclass(frozen=True, slots=True)
class SetComparison:
    """Two sets of weights, or one that has no counterpart."""

    before: WeightSet | None
    """the set of the first model"""
    after: WeightSet | None
    """the set of the second model"""
    differences: TensorDifferences
    """what changed between them"""
    elements: Mapping[str, ElementChanges] = field(default_factory=dict)
    """how far tensors differ, by name, where that was measured"""

    @property
    def relation(self) -> Relation:
        """How the two sets stand to each other; different when one is missing."""
        if self.before is None or self.after is None:
            return Relation.DIFFERENT
        return self.differences.relation


def compare_weights(before: WeightSurvey, after: WeightSurvey) -> tuple[SetComparison, ...]:
    """Compare every set of weights with its counterpart, and measure how far tensors differ.

    Counterparts have the same path, or else the same digests, or else they are the only ones left.
    A set without one is compared with any that has its values, such as one kept in two formats; it is
    left out where the other model has a file of its path that was not read.
    Raises as `measured`.
    """
    first, second = (
        [one for one in before.sets if one.table.entries],
        [one for one in after.sets if one.table.entries],
    )
    pairs = _pairs(first, second)
    taken = {id(one) for pair in pairs for one in pair}
    found = [_compared(one, other) for one, other in pairs]
    taken |= {id(one) for one in _unread(first, after)} | {
        id(one) for one in _unread(second, before)
    }
    found += [_alone(one, second, is_first=True) for one in first if id(one) not in taken]
    found += [_alone(one, first, is_first=False) for one in second if id(one) not in taken]
    artifacts = before.artifact, after.artifact
    done = []
    for one in found:
        elements = {}
        if one.before and one.after:
            sides = Side(artifacts[0], one.before), Side(artifacts[1], one.after)
            elements = measured(*sides, one.differences.changes)
        done.append(SetComparison(one.before, one.after, one.differences, elements))
    return tuple(done)


def _unread(sets: Iterable[WeightSet], other: WeightSurvey) -> Iterator[WeightSet]:
    """Yield the sets whose counterpart could not be read: no other file may stand in for it."""
    paths = {one.path for one in other.unread}
    return (one for one in sets if one.path in paths)


def _pairs(
    first: Iterable[WeightSet], second: Iterable[WeightSet]
) -> list[tuple[WeightSet, WeightSet]]:
    left, right = list(first), list(second)
    pairs: list[tuple[WeightSet, WeightSet]] = []
    for same in (
        lambda one, other: one.path == other.path,
        lambda one, other: one.table.weights == other.table.weights,
        lambda one, other: one.table.values == other.table.values,
        lambda one, other: len(left) == len(right) == 1,  # noqa: ARG005 - the only ones left
    ):
        for one in list(left):
            partner = next((other for other in right if same(one, other)), None)
            if partner:
                pairs.append((one, partner))
                left.remove(one)
                right.remove(partner)
    return pairs


def _compared(before: WeightSet, after: WeightSet) -> SetComparison:
    return SetComparison(before, after, TensorDifferences.between(before.table, after.table))


def _alone(one: WeightSet, others: Iterable[WeightSet], *, is_first: bool) -> SetComparison:
    for other in others:
        found = _compared(one, other) if is_first else _compared(other, one)
        if found.relation in _SAME:
            return found
    if is_first:
        return SetComparison(one, None, TensorDifferences.between(one.table, _NOTHING))
    return SetComparison(None, one, TensorDifferences.between(_NOTHING, one.table))
