"""Whether the trees of a boosted model lead where their library may go: it follows indexes unchecked.

Source: XGBoost `src/tree/tree_model.cc` (`RegTree::LoadModel`), LightGBM `src/io/tree.cpp`, CatBoost
`libs/model/flatbuffers/model.fbs` and `libs/model/model.cpp`.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from weightmark.scanners.repository.documents import JsonObject, walk
from weightmark.scanners.wire.flatbuffers import Table
from weightmark.values import dataclass

__all__ = ["catboost_faults", "lightgbm_faults", "xgboost_faults"]

_DIGITS = re.compile(r"\d{1,18}", re.ASCII)
_CHILDREN = ("left_children", "right_children")
_LEAF = -1
_MOST_FAULTS = 3
_MODEL_TREES = 1
_SPLITS, _SIZES, _STARTS = 1, 2, 3
_DIMENSION, _FLOATS, _ONE_HOTS, _CTRS, _LEAF_VALUES = 0, 5, 6, 7, 8
_STEPS, _NODE_LEAVES, _ESTIMATED = 10, 11, 13
"""fields of `TModelCore` and `TModelTrees`: splits, sizes and starts of trees, kinds of features, leaves"""
_DEEPEST = 31
_LINE = re.compile(rb"^(num_leaves|left_child|right_child|split_feature|max_feature_idx)=([^\r\n]*)", re.MULTILINE)  # fmt: skip


def xgboost_faults(document: Any) -> Iterator[str]:
    """Yield what is wrong with the trees of a model in JSON or UBJSON; the first few."""
    features = max((_number(value) for value in _values(document, "num_feature")), default=0)
    faults = 0
    for trees in _values(document, "trees"):
        for index, tree in enumerate(trees if isinstance(trees, list) else []):
            fault = _fault_of(tree, features) if isinstance(tree, JsonObject) else "no object"
            if fault and faults < _MOST_FAULTS:
                faults += 1
                yield f"tree {index}: {fault}"


def _values(document: Any, key: str) -> Iterator[Any]:
    return (field.value for field in walk(document) if field.key == key)


def _fault_of(tree: JsonObject, features: int) -> str:
    left, right, splits = (_row(tree, key) for key in (*_CHILDREN, "split_indices"))
    if left is None or right is None or splits is None:
        return "its nodes are no lists of numbers"
    if not len(left) == len(right) == len(splits):
        return "its lists differ in length"
    return _walked(left, right, splits, features)


def _walked(left: Sequence[int], right: Sequence[int], splits: Sequence[int], features: int) -> str:
    """Go from the root to all leaves; a node that is reached twice belongs to a circle or two parents."""
    seen: set[int] = set()
    stack = [0] if left else []
    while stack:
        node = stack.pop()
        if not 0 <= node < len(left):
            return f"a child {node} of {len(left)} nodes"
        if node in seen:
            return f"node {node} is reached twice"
        seen.add(node)
        if left[node] == _LEAF:
            continue
        if features and not 0 <= splits[node] < features:
            return f"feature {splits[node]} of {features}"
        stack += (left[node], right[node])
    return ""


def _row(tree: JsonObject, key: str) -> Sequence[int] | None:
    found = tree.all(key)
    row = found[-1] if found else None
    if isinstance(row, array):
        return row
    if not isinstance(row, list) or not all(type(one) is int for one in row):
        return None
    return row


def _number(value: object) -> int:
    return int(str(value)) if _DIGITS.fullmatch(str(value)) else 0


def lightgbm_faults(text: bytes) -> Iterator[str]:
    """Yield what is wrong with the trees of LightGBM's text; the first few.

    Nodes count from 0, and a leaf stands as the complement of its number.
    """
    features, faults = 0, 0
    rows: dict[bytes, list[int]] = {}
    for found in _LINE.finditer(text):
        key, numbers = found[1], _integers(found[2])
        if key == b"max_feature_idx":
            features = (numbers or [0])[0] + 1
            continue
        rows = {} if key == b"num_leaves" else rows
        rows[key] = numbers
        if key == b"right_child" and (fault := _leaf_fault(rows, features)):
            faults += 1
            if faults <= _MOST_FAULTS:
                yield fault


def _leaf_fault(rows: dict[bytes, list[int]], features: int) -> str:
    left, right = rows.get(b"left_child", []), rows[b"right_child"]
    splits, leaves = rows.get(b"split_feature", []), (rows.get(b"num_leaves") or [0])[0]
    if not len(left) == len(right) == len(splits):
        return "the lists of a tree differ in length"
    if leaves != len(left) + 1:
        return f"{leaves} leaves for {len(left)} splits"
    wide = [child for child in (*left, *right) if child < 0 and ~child >= leaves]
    if wide:
        return f"leaf {~wide[0]} of {leaves}"
    ends = [_LEAF] * leaves
    inner = [child if child >= 0 else len(left) + ~child for child in left] + ends
    other = [child if child >= 0 else len(left) + ~child for child in right] + ends
    return _walked(inner, other, [*splits, *([0] * leaves)], features)


def catboost_faults(core: Table) -> Iterator[str]:
    """Yield what is wrong with the trees of CatBoost's binary model; the first few.

    A tree is a run of splits: of one depth, with a leaf for each way through them, or in nodes that say how
    far their children stand behind them.
    """
    trees = core.table(_MODEL_TREES)
    if trees is None:
        return
    nodes = _Nodes(
        splits=trees.numbers(_SPLITS, "i"),
        steps=trees.numbers(_STEPS, "I"),
        leaves=trees.numbers(_NODE_LEAVES, "I"),
        conditions=sum(_conditions(trees)),
        values=trees.vector(_LEAF_VALUES, 8)[1],
    )
    sizes, starts = trees.numbers(_SIZES, "i"), trees.numbers(_STARTS, "i")
    if len(starts) not in (0, len(sizes)) or any(size < 0 for size in sizes):
        yield "its lists differ in length"
        return
    faults = at = needed = 0
    for index, size in enumerate(sizes):
        start = starts[index] if starts else at
        at = start + size
        needed += 0 if nodes.steps else 1 << min(size, _DEEPEST)
        fault = nodes.fault(start, at)
        if fault and faults < _MOST_FAULTS:
            faults += 1
            yield f"tree {index}: {fault}"
    needed *= max(1, trees.number(_DIMENSION, 4))
    if needed > nodes.values:
        yield f"{nodes.values} values for {needed} leaves"


def _conditions(trees: Table) -> Iterator[int]:
    """Yield how many conditions each feature gives, which splits count through."""
    for field, borders in ((_FLOATS, 3), (_ESTIMATED, 3), (_ONE_HOTS, 1), (_CTRS, 1)):
        yield from (feature.vector(borders, 4)[1] for feature in trees.tables(field))


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of all trees, one behind the other."""

    splits: Sequence[int]
    steps: Sequence[int]
    """two numbers of 16 bits in one: how far behind a node its children stand"""
    leaves: Sequence[int]
    conditions: int
    values: int

    def fault(self, start: int, end: int) -> str:
        """Return what is wrong with the nodes of one tree; a step of 0 ends at the node's leaf."""
        if not 0 <= start <= end <= len(self.splits):
            return f"it needs {end} of {len(self.splits)} splits"
        if not self.steps:
            return next(filter(None, map(self._odd_split, range(start, end))), "")
        if end > len(self.steps) or end > len(self.leaves):
            return f"it needs {end} nodes"
        return next(filter(None, (self._odd_node(node, end) for node in range(start, end))), "")

    def _odd_split(self, node: int) -> str:
        split = self.splits[node]
        known = 0 <= split < self.conditions
        return "" if known else f"split {split} of {self.conditions} conditions"

    def _odd_node(self, node: int, end: int) -> str:
        both = self.steps[node] & 0xFFFF, self.steps[node] >> 16
        if any(node + step >= end for step in both):
            return f"node {node} steps behind node {end}"
        if 0 in both and self.leaves[node] >= self.values:
            return f"leaf {self.leaves[node]} of {self.values}"
        return self._odd_split(node) if any(both) else ""


def _integers(row: bytes) -> list[int]:
    numbers = []
    for word in row.split():
        try:
            numbers.append(int(word[:20]))
        except ValueError:
            return []
    return numbers
