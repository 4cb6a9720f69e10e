"""Whether the weights agree with what a step claims: contradicted, consistent, or not checkable.

A statement says "this adapter was trained on that base"; where both are at hand the bytes can say
otherwise. Only a contradiction decides: agreement makes a claim plausible and proves no training.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from math import prod

from weightmark.provenance.diff.tensors import Relation, TensorDifferences
from weightmark.provenance.tensors import TensorEntry, TensorTable
from weightmark.values import dataclass

__all__ = ["Agreement", "ContentCheck", "compare_sets", "compare_step"]

_ADAPTER = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.(?!weight\Z)(?P<adapter>[^.]+))?(?:\.weight)?\Z"
)
"""how PEFT names the two halves of a low-rank adapter"""
_SAME_WEIGHTS = frozenset({"convert", "ingest", "package"})
_SAME_SHAPES = frozenset({"quantize", "merge"})
_KEPT_SHARE = 0.05
"""share of names that a fine-tune has to have in common with its base"""
_MOST_PACKED = 8
"""small numbers that a quantization packs into one, at most"""
_MOST_PAIRS = 1024
"""sets of weights that are compared with each other at most"""
_MOST_HELPERS = 8
"""scales, zero points and tables that go with one quantized weight, at most"""


class Agreement(StrEnum):
    """What the bytes say about a claimed step."""

    CONSISTENT = "consistent"
    """nothing speaks against it"""
    CONTRADICTED = "contradicted"
    """it can't have been so"""
    NOT_CHECKABLE = "not-checkable"
    """the bytes say nothing either way"""
    OPEN = "open"
    """some of several sets of weights fit and others do not: nobody knows which one will be loaded"""


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """The outcome for one output and one of its inputs."""

    agreement: Agreement
    """what the bytes say"""
    reason: str
    """in one line, for a person"""


def compare_step(kind: str, output: TensorTable, parent: TensorTable) -> ContentCheck:
    """Compare the weights of what was made with those of one input, by what the step claims to do.

    Tensors of a low-rank adapter are held against the weights that they adapt, and all others against
    what the step allows: one fitting adapter speaks for no other tensor.
    """
    if not output.entries or not parent.entries:
        return ContentCheck(Agreement.NOT_CHECKABLE, "no tensors were found on one side")
    if kind in _SAME_WEIGHTS:
        return _same_weights(output, parent)
    base = _by_name(parent)
    halves = {one.name: found for one in output.entries if (found := _ADAPTER.match(one.name))}
    rest = [one for one in output.entries if one.name not in halves]
    if not halves:
        return _by_rule(kind, rest, base)
    adapted = _adapter(
        [(halves[one.name], one) for one in output.entries if one.name in halves], base
    )
    if adapted.agreement is Agreement.CONTRADICTED or not rest:
        return adapted
    beside = (
        _beside_adapter(rest, base, len(halves))
        if kind == "finetune"
        else _by_rule(kind, rest, base)
    )
    return adapted if beside.agreement is Agreement.CONSISTENT else beside


def compare_sets(
    kind: str, outputs: Sequence[TensorTable], parents: Sequence[TensorTable]
) -> ContentCheck:
    """Compare an output with an input where either holds several sets of weights that can't be joined.

    Each set of the output needs one of the input that it fits: a copy of the input beside other weights
    speaks for nothing but itself.
    """
    if len(outputs) * len(parents) > _MOST_PAIRS:
        return ContentCheck(Agreement.OPEN, f"over {_MOST_PAIRS} pairs of sets of weights")
    found = [_best([compare_step(kind, made, one) for one in parents]) for made in outputs]
    bad = [one for one in found if one.agreement is Agreement.CONTRADICTED]
    if bad and (kind in _SAME_WEIGHTS or len(bad) == len(found)):
        return ContentCheck(
            Agreement.CONTRADICTED,
            f"{len(bad)} of {len(found)} sets of weights fit none of it: {bad[0].reason}",
        )
    if bad:
        return ContentCheck(
            Agreement.OPEN,
            f"{len(bad)} of {len(found)} sets of weights do not fit it: {bad[0].reason}",
        )
    return next((one for one in found if one.agreement is not Agreement.CONSISTENT), found[0])


def _best(checks: Sequence[ContentCheck]) -> ContentCheck:
    order = (Agreement.CONSISTENT, Agreement.NOT_CHECKABLE, Agreement.OPEN, Agreement.CONTRADICTED)
    return min(checks, key=lambda one: order.index(one.agreement))


def _by_rule(
    kind: str, made: Sequence[TensorEntry], base: Mapping[str, TensorEntry]
) -> ContentCheck:
    if kind in _SAME_SHAPES:
        return _same_shapes(kind, made, base)
    if kind == "finetune":
        return _finetune(made, base)
    return ContentCheck(
        Agreement.NOT_CHECKABLE, f"a step `{kind[:40]}` says nothing about its weights"
    )


def _same_weights(output: TensorTable, parent: TensorTable) -> ContentCheck:
    differences = TensorDifferences.between(parent, output)
    match differences.relation:
        case Relation.IDENTICAL:
            return ContentCheck(Agreement.CONSISTENT, f"all {len(output)} tensors are identical")
        case Relation.SAME_VALUES:
            return ContentCheck(Agreement.CONSISTENT, "the same values under other names")
        case Relation.NOT_COMPARABLE:
            return ContentCheck(
                Agreement.NOT_CHECKABLE, "the formats hold type or order of dimensions differently"
            )
        case Relation.DIFFERENT:
            first = next(one for one in differences.changes if one.relation is Relation.DIFFERENT)
            return ContentCheck(
                Agreement.CONTRADICTED, f"the tensor `{first.name[:80]}` is not the same"
            )


def _same_shapes(
    kind: str, made: Sequence[TensorEntry], base: Mapping[str, TensorEntry]
) -> ContentCheck:
    common = [one for one in made if one.name in base]
    if not common:
        return ContentCheck(Agreement.NOT_CHECKABLE, "no tensor has the same name on both sides")
    for one in common:
        same = one.shape == base[one.name].shape
        if not same and (kind == "merge" or not _is_packed(one, base[one.name])):
            return _another_shape(one, base[one.name])
    foreign = _foreign(kind, made, base)
    if foreign:
        # a merge has further parents, whose tensors these can be
        many = len(foreign) > len(common) and kind == "quantize"
        return ContentCheck(
            Agreement.CONTRADICTED if many else Agreement.NOT_CHECKABLE,
            f"{len(foreign)} of {len(made)} tensors have no counterpart, as `{foreign[0].name[:80]}`",
        )
    missing = len(base) - len(common)
    if missing > len(base) // 2:
        return ContentCheck(
            Agreement.NOT_CHECKABLE, f"{missing} of {len(base)} tensors have no counterpart"
        )
    return ContentCheck(Agreement.CONSISTENT, f"names and shapes of {len(common)} tensors agree")


def _foreign(
    kind: str, made: Sequence[TensorEntry], base: Mapping[str, TensorEntry]
) -> list[TensorEntry]:
    """Return the tensors that nothing of the base explains; scales and tables of a quantized weight are explained."""
    sizes: dict[str, int] = {}
    for name, one in base.items() if kind == "quantize" else ():
        for owner in (name, name.rpartition(".")[0]):
            sizes[owner] = max(sizes.get(owner, 0), prod(one.shape))
    room = dict.fromkeys(sizes, _MOST_HELPERS)
    found = []
    for one in made:
        if one.name in base:
            continue
        owner = next((part for part in _owners(one.name) if part in sizes), "")
        if owner and prod(one.shape) <= sizes[owner] and room[owner]:
            room[owner] -= 1
        else:
            found.append(one)
    return found


def _owners(name: str) -> Iterator[str]:
    """Yield the weights and modules to which a tensor can belong by its name, the longest first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _is_packed(made: TensorEntry, base: TensorEntry) -> bool:
    """Tell whether shapes differ by packing several small numbers into one: along an axis, or all in one column."""
    count, before = prod(made.shape), prod(base.shape)
    if not made.dtype.startswith(("I", "U")) or not count or before % count:
        return False
    if before // count > _MOST_PACKED:
        return False
    column = max(made.shape, default=0) == count
    along = len(made.shape) == len(base.shape) and all(
        one and other % one == 0 for one, other in zip(made.shape, base.shape, strict=True)
    )
    return column or along


def _finetune(made: Sequence[TensorEntry], base: Mapping[str, TensorEntry]) -> ContentCheck:
    common = [one for one in made if one.name in base]
    if len(common) < _KEPT_SHARE * len(made):
        return ContentCheck(
            Agreement.CONTRADICTED,
            f"{len(common)} of {len(made)} tensors have a name of the base",
        )
    other = [one for one in common if one.shape != base[one.name].shape]
    if len(other) > len(common) // 2:
        return _another_shape(other[0], base[other[0].name])
    if len(made) > 2 * len(common):
        return ContentCheck(
            Agreement.NOT_CHECKABLE,
            f"{len(made) - len(common)} of {len(made)} tensors have no name of the base",
        )
    frozen = sum(one.value_line == base[one.name].value_line for one in common)
    if frozen:
        return ContentCheck(
            Agreement.CONSISTENT, f"{frozen} of {len(made)} tensors are those of the base"
        )
    return ContentCheck(
        Agreement.NOT_CHECKABLE,
        f"{len(common) - len(other)} tensors have names and shapes of the base, and none its values",
    )


def _beside_adapter(
    rest: Sequence[TensorEntry], base: Mapping[str, TensorEntry], halves: int
) -> ContentCheck:
    """Judge whole layers that lie beside an adapter: those of the base, trained along, or a few new ones."""
    foreign = [one for one in rest if _unwrapped(one.name) not in base]
    for one in rest:
        target = base.get(_unwrapped(one.name))
        if target and one.shape != target.shape:
            return _another_shape(one, target)
    if not foreign:
        return ContentCheck(Agreement.CONSISTENT, "what lies beside the adapter is of the base")
    many = len(foreign) > halves + len(rest) - len(foreign)
    return ContentCheck(
        Agreement.CONTRADICTED if many else Agreement.NOT_CHECKABLE,
        f"{len(foreign)} tensors beside the adapter are none of the base, as `{foreign[0].name[:80]}`",
    )


def _unwrapped(name: str) -> str:
    return name.removeprefix("base_model.model.")


def _adapter(
    halves: Sequence[tuple[re.Match[str], TensorEntry]], base: Mapping[str, TensorEntry]
) -> ContentCheck:
    """Check that every low-rank adapter has two halves of one rank that together fit a weight of the base."""
    pairs: dict[tuple[str, str], dict[str, TensorEntry]] = {}
    for match, half in halves:
        pairs.setdefault((match["module"], match["adapter"] or ""), {})[match["side"]] = half
    lone = ""
    for (module, _), sides in pairs.items():
        target = base.get(f"{module}.weight") or base.get(module)
        if target is None:
            return ContentCheck(
                Agreement.CONTRADICTED, f"the base has no `{module[:80]}`, which is adapted"
            )
        for side, half in sides.items():
            if not _fits(side, half, target):
                return _another_shape(half, target)
        if len(sides) < len("AB"):
            lone = lone or module
        elif not _fit_together(sides["A"], sides["B"], target):
            return ContentCheck(
                Agreement.CONTRADICTED,
                f"the two halves of the adapter of `{module[:80]}` do not fit each other and the base",
            )
    if lone:
        return ContentCheck(
            Agreement.NOT_CHECKABLE, f"one half of the adapter of `{lone[:80]}` is missing"
        )
    return ContentCheck(
        Agreement.CONSISTENT, f"{len(halves)} adapter tensors fit weights of the base"
    )


def _fits(side: str, half: TensorEntry, target: TensorEntry) -> bool:
    """A (rank x in) and B (out x rank) of a weight (out x in); transposed layers have it the other way round."""
    if len(half.shape) < 2 or len(target.shape) < 2:  # noqa: PLR2004 - a matrix
        return False
    outer = half.shape[1] if side == "A" else half.shape[0]
    return outer in target.shape[:2]


def _fit_together(first: TensorEntry, second: TensorEntry, target: TensorEntry) -> bool:
    """Tell whether both have one rank, and one the width and the other the height of the weight."""
    outer = sorted((first.shape[1], second.shape[0]))
    return first.shape[0] == second.shape[1] and outer == sorted(target.shape[:2])


def _by_name(table: TensorTable) -> Mapping[str, TensorEntry]:
    return {one.name: one for one in table.entries}


def _another_shape(made: TensorEntry, base: TensorEntry) -> ContentCheck:
    return ContentCheck(
        Agreement.CONTRADICTED,
        f"`{made.name[:80]}` is {made.type_and_shape}, which does not fit {base.type_and_shape} of the base",
    )
