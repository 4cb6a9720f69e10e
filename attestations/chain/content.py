"""Whether the weights agree with what a step claims: contradicted, consistent, or not checkable.

A statement says "this adapter was trained on that base"; where both are at hand the bytes can say
otherwise. Only a contradiction decides: agreement makes a claim plausible and proves no training.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from weightmark.provenance.diff.tensors import Relation, TensorDifferences
from weightmark.provenance.tensors import TensorEntry, TensorTable
from weightmark.values import dataclass

__all__ = ["Agreement", "ContentCheck", "compare_step"]

_ADAPTER = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?:embedding_)?(?P<side>[AB])(?:\.[^.]+)?(?:\.weight)?\Z"
)
"""how PEFT names the two halves of a low-rank adapter"""
_SAME_WEIGHTS = frozenset({"convert", "ingest", "package"})
_SAME_SHAPES = frozenset({"quantize", "merge"})
_KEPT_SHARE = 0.05
"""share of names that a fine-tune has to have in common with its base"""


class Agreement(StrEnum):
    """What the bytes say about a claimed step."""

    CONSISTENT = "consistent"
    """nothing speaks against it"""
    CONTRADICTED = "contradicted"
    """it can't have been so"""
    NOT_CHECKABLE = "not-checkable"
    """the bytes say nothing either way"""


@dataclass(frozen=True, slots=True)
class ContentCheck:
    """The outcome for one output and one of its inputs."""

    agreement: Agreement
    """what the bytes say"""
    reason: str
    """in one line, for a person"""


def compare_step(kind: str, output: TensorTable, parent: TensorTable) -> ContentCheck:
    """Compare the weights of what was made with those of one input, by what the step claims to do."""
    if not output.entries or not parent.entries:
        return ContentCheck(Agreement.NOT_CHECKABLE, "no tensors were found on one side")
    if kind in _SAME_WEIGHTS:
        return _same_weights(output, parent)
    adapters = list(_adapters(output))
    if adapters:
        return _adapter(adapters, parent)
    if kind in _SAME_SHAPES:
        return _same_shapes(kind, output, parent)
    if kind == "finetune":
        return _finetune(output, parent)
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


def _same_shapes(kind: str, output: TensorTable, parent: TensorTable) -> ContentCheck:
    base = _by_name(parent)
    common = [one for one in output.entries if one.name in base]
    if not common:
        return ContentCheck(Agreement.NOT_CHECKABLE, "no tensor has the same name on both sides")
    for one in common:
        if one.shape != base[one.name].shape and kind == "merge":
            return _another_shape(one, base[one.name])
        if not _may_be_quantized(one, base[one.name]):
            return _another_shape(one, base[one.name])
    missing = len(base) - len(common)
    if missing > len(base) // 2:
        return ContentCheck(
            Agreement.NOT_CHECKABLE, f"{missing} of {len(base)} tensors have no counterpart"
        )
    return ContentCheck(Agreement.CONSISTENT, f"names and shapes of {len(common)} tensors agree")


def _may_be_quantized(made: TensorEntry, base: TensorEntry) -> bool:
    """Tell whether shapes agree, or differ by packing several small numbers into one."""
    if made.shape == base.shape:
        return True
    if len(made.shape) != len(base.shape) or not made.dtype.startswith(("I", "U")):
        return False
    return all(
        one == other or (one and other % one == 0)
        for one, other in zip(made.shape, base.shape, strict=True)
    )


def _finetune(output: TensorTable, parent: TensorTable) -> ContentCheck:
    base = _by_name(parent)
    common = [one for one in output.entries if one.name in base]
    if len(common) < _KEPT_SHARE * len(output):
        return ContentCheck(
            Agreement.CONTRADICTED,
            f"{len(common)} of {len(output)} tensors have a name of the base",
        )
    other = [one for one in common if one.shape != base[one.name].shape]
    if len(other) > len(common) // 2:
        return _another_shape(other[0], base[other[0].name])
    frozen = sum(one.value_line == base[one.name].value_line for one in common)
    if frozen:
        return ContentCheck(
            Agreement.CONSISTENT, f"{frozen} of {len(output)} tensors are those of the base"
        )
    return ContentCheck(
        Agreement.NOT_CHECKABLE,
        f"{len(common) - len(other)} tensors have names and shapes of the base, and none its values",
    )


def _adapter(adapters: Iterable[tuple[str, str, TensorEntry]], parent: TensorTable) -> ContentCheck:
    """Check that every half of a low-rank adapter fits a weight of the base."""
    base = _by_name(parent)
    fitting = 0
    for module, side, half in adapters:
        target = base.get(f"{module}.weight") or base.get(module)
        if target is None:
            return ContentCheck(
                Agreement.CONTRADICTED, f"the base has no `{module[:80]}`, which is adapted"
            )
        if not _fits(side, half, target):
            return _another_shape(half, target)
        fitting += 1
    return ContentCheck(Agreement.CONSISTENT, f"{fitting} adapter tensors fit weights of the base")


def _fits(side: str, half: TensorEntry, target: TensorEntry) -> bool:
    """A (rank x in) and B (out x rank) of a weight (out x in); transposed layers have it the other way round."""
    if len(half.shape) < 2 or len(target.shape) < 2:  # noqa: PLR2004 - a matrix
        return False
    outer = half.shape[1] if side == "A" else half.shape[0]
    return outer in target.shape[:2]


def _adapters(table: TensorTable) -> Iterator[tuple[str, str, TensorEntry]]:
    for one in table.entries:
        match = _ADAPTER.match(one.name)
        if match:
            yield match["module"], match["side"], one


def _by_name(table: TensorTable) -> Mapping[str, TensorEntry]:
    return {one.name: one for one in table.entries}


def _another_shape(made: TensorEntry, base: TensorEntry) -> ContentCheck:
    return ContentCheck(
        Agreement.CONTRADICTED,
        f"`{made.name[:80]}` is {made.type_and_shape}, which does not fit {base.type_and_shape} of the base",
    )
