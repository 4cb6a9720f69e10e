"""Sorted trees: rows in the order of their keys under an RFC 6962 root. Pure.

A row that stands in the tree is proven by its audit path; that a key stands nowhere, by the two
neighbours between which it would stand.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Self

from weightmark.errors import LedgerInconsistentError, MalformedError, ProofRefusedError
from weightmark.provenance.ledger.merkle import (
    check_inclusion,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
)
from weightmark.values import dataclass

__all__ = ["Leaf", "SortedTree", "TreeHead", "check_leaves"]


@dataclass(frozen=True, slots=True)
class TreeHead:
    """Which tree it is."""

    size: int
    """rows"""
    root: bytes
    """RFC 6962 root over the rows, 32 bytes"""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One row and where it stands."""

    index: int
    """from 0, in the order of keys"""
    row: bytes
    """the row, as it is hashed"""
    path: tuple[bytes, ...]
    """audit path, the leaf's sibling first"""


class SortedTree:
    """Rows by key; at least one, each key once."""

    def __init__(self, keys: Sequence[bytes], rows: Sequence[bytes]) -> None:
        """Use `of` instead."""
        self._keys = keys
        self._rows = rows
        self._levels: list[list[bytes]] = []

    @classmethod
    def of(cls, rows: Iterable[tuple[bytes, bytes]]) -> Self:
        """Sort (key, row) pairs; raises `MalformedError` for a key that stands twice, or no rows."""
        ordered = sorted(rows)
        keys = [key for key, _ in ordered]
        if not keys or len(set(keys)) != len(keys):
            raise MalformedError("a tree needs at least one row, and each key once")
        return cls(keys, [row for _, row in ordered])

    @property
    def head(self) -> TreeHead:
        """The size and the root."""
        return TreeHead(len(self._rows), tree_root(self._node, len(self._rows)))

    def prove(self, key: bytes) -> tuple[Leaf, ...]:
        """Return the leaf with `key`, or the neighbours between which it would stand, one or two."""
        place = bisect_left(self._keys, key)
        if place < len(self._keys) and self._keys[place] == key:
            return (self._leaf(place),)
        beside = (place - 1, place)
        return tuple(self._leaf(index) for index in beside if 0 <= index < len(self._rows))

    def _leaf(self, index: int) -> Leaf:
        path = inclusion_proof(self._node, index, len(self._rows))
        return Leaf(index, self._rows[index], tuple(path))

    def _node(self, height: int, index: int) -> bytes:
        """Return the root of a complete subtree, hashing all of them on the first call."""
        if not self._levels:
            level = [leaf_hash(row) for row in self._rows]
            while level:
                self._levels.append(level)
                pairs = zip(level[::2], level[1::2], strict=False)
                level = [node_hash(left, right) for left, right in pairs]
        return self._levels[height][index]


def check_leaves(head: TreeHead, key: bytes, leaves: Sequence[tuple[bytes, Leaf]]) -> bool:
    """Tell whether (key, leaf) pairs prove that `key` stands in the tree (True) or does not (False).

    Raises `ProofRefusedError` when they prove neither.
    """
    for _, leaf in leaves:
        try:
            check_inclusion(leaf_hash(leaf.row), leaf.index, head.size, leaf.path, head.root)
        except LedgerInconsistentError as error:
            raise ProofRefusedError(
                f"row {leaf.index} does not lead to the root of the tree", why=error.what
            ) from error
    if len(leaves) == 1 and leaves[0][0] == key:
        return True
    if not _brackets(head, key, leaves):
        raise ProofRefusedError(
            "the rows of the proof say nothing about the member",
            why="absence is shown by the two neighbouring rows between which it would stand",
        )
    return False


def _brackets(head: TreeHead, key: bytes, leaves: Sequence[tuple[bytes, Leaf]]) -> bool:
    """Tell whether the leaves are neighbours, or an end of the tree, with `key` between them."""
    match leaves:
        case [(before, first), (after, second)]:
            return before < key < after and second.index == first.index + 1
        case [(only, leaf)]:
            if key < only:
                return leaf.index == 0
            return only < key and leaf.index == head.size - 1
    return False
