"""What two bills of materials say differently; pure, and the order within them means nothing."""

from collections.abc import Iterator

from weightmark.attestations.bom.reading import BomFacts
from weightmark.values import dataclass

__all__ = ["BomChange", "compare_boms"]


@dataclass(frozen=True, slots=True)
class BomChange:
    """One thing of which the two say different things."""

    kind: str
    """`artifact`, `field`, `license`, `weights`, `ancestor`, `dataset`, `step`, `file`, `component` or `version`"""
    name: str
    """of the file, the ancestor, the field, …"""
    before: tuple[str, ...]
    """what the first says, sorted; empty where it says nothing"""
    after: tuple[str, ...]
    """what the second says, sorted"""

    @property
    def word(self) -> str:
        """`added`, `removed` or `changed`."""
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


_ORDER = (
    "artifact",
    "field",
    "license",
    "weights",
    "ancestor",
    "dataset",
    "step",
    "component",
    "version",
    "file",
)


def compare_boms(before: BomFacts, after: BomFacts) -> tuple[BomChange, ...]:
    """Return every difference, the most telling kind first, then by name."""
    changes = _changes(before, after)
    return tuple(sorted(changes, key=lambda one: (_ORDER.index(one.kind), one.name)))


def _changes(before: BomFacts, after: BomFacts) -> Iterator[BomChange]:
    for key in before.items.keys() | after.items.keys():
        first, second = before.items.get(key, ()), after.items.get(key, ())
        if first != second:
            yield BomChange(*key, first, second)
