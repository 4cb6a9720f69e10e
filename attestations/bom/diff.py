"""What two bills of materials say differently; pure, and the order within them means nothing."""

from collections.abc import Iterator, Mapping

from weightmark.attestations.bom.reading import BomFacts
from weightmark.attestations.bom.remainder import Key, Remark
from weightmark.values import dataclass

__all__ = ["BomChange", "compare_boms"]


@dataclass(frozen=True, slots=True)
class BomChange:
    """One thing of which the two say different things."""

    kind: str
    """`artifact`, `field`, `license`, `weights`, `ancestor`, `dataset`, `step`, `file`, `component`, `version`; `other` between documents of one form"""
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
    "other",
)


def compare_boms(before: BomFacts, after: BomFacts) -> tuple[BomChange, ...]:
    """Return every difference, the most telling kind first, then by name."""
    changes = _changes(before, after)
    return tuple(sorted(changes, key=lambda one: (_ORDER.index(one.kind), one.name)))


def _changes(before: BomFacts, after: BomFacts) -> Iterator[BomChange]:
    found = {
        key: BomChange(*key, before.items.get(key, ()), after.items.get(key, ()))
        for key in before.items.keys() | after.items.keys()
        if before.items.get(key, ()) != after.items.get(key, ())
    }
    kinds = {kind for kind, _ in found}
    gone = {
        name for (_, name), one in found.items() if one.kind in _OWNERS and one.word != "changed"
    }
    for key, one in found.items():
        if _SAME_AS.get(key) not in found and not (one.kind == "field" and _whose(one) in gone):
            yield one
    if before.family == after.family:
        yield from _others(before, after, found, kinds)


def _others(
    before: BomFacts, after: BomFacts, found: Mapping[Key, BomChange], kinds: set[str]
) -> Iterator[BomChange]:
    """Yield differences beyond the facts of every form, but for what one of those tells already."""
    for place in before.remarks.keys() | after.remarks.keys():
        first, second = before.remarks.get(place, ()), after.remarks.get(place, ())
        said = tuple(tuple(one.said for one in remarks) for remarks in (first, second))
        if said[0] == said[1] or all(_is_told(one, found, kinds) for one in (*first, *second)):
            continue
        yield BomChange("other", place, *said)


def _whose(one: BomChange) -> str:
    """Return what a field is about; empty for the artifact."""
    return one.name.partition(" of ")[2]


def _is_told(one: Remark, found: Mapping[Key, BomChange], kinds: set[str]) -> bool:
    if one.owner and one.owner in found and found[one.owner].word != "changed":
        return True
    if one.told_by is None:
        return False
    kind, name = one.told_by
    return one.told_by in found if name else kind in kinds


_OWNERS = frozenset({"ancestor", "component", "dataset"})
_SAME_AS: Mapping[Key, Key] = {
    ("field", "claimed:licenses"): ("license", "the artifact"),
    **{("field", f"claimed:{name}"): ("field", name) for name in ("description", "purl", "supplier", "version")},
}  # fmt: skip
"""fields that say once more what another difference says"""
