"""Sorted trees: rows in the order of their keys under an RFC 6962 root. Pure.

A row that stands in the tree is proven by its audit path; that a key stands nowhere, by the two
neighbours between which it would stand.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Protocol, Self

from weightmark.errors import LedgerInconsistentError, MalformedError, ProofRefusedError
from weightmark.provenance.ledger.merkle import (
    HASH_SIZE,
    check_inclusion,
    inclusion_proof,
    leaf_hash,
    node_hash,
    tree_root,
)
from weightmark.values import dataclass

__all__ = ["Items", "Leaf", "SortedTree", "TreeHead", "check_leaves"]

_KEPT_FROM = 4
"""height of the smallest subtrees whose roots are kept in memory"""


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


class Items(Protocol):
    """Keys or rows by number; they may be made when they are asked for."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, number: int, /) -> bytes:
        """Return one."""
        ...


class SortedTree:
    """Rows by key; at least one, each key once."""

    def __init__(self, keys: "Items", rows: "Items") -> None:
        """Take keys in ascending order, each once, and their rows; `of` sorts them."""
        if not len(keys):
            raise MalformedError("a tree needs at least one row, and each key once")
        self._keys = keys
        self._rows = rows
        self._levels: list[bytearray] = []

    @classmethod
    def of(cls, rows: Iterable[tuple[bytes, bytes]]) -> Self:
        """Sort (key, row) pairs; raises `MalformedError` for a key that stands twice, or no rows."""
        ordered = sorted(rows)
        keys = [key for key, _ in ordered]
        if len(set(keys)) != len(keys):
            raise MalformedError("a tree needs at least one row, and each key once")
        return cls(keys, [row for _, row in ordered])

    @property
    def head(self) -> TreeHead:
        """The size and the root."""
        return TreeHead(len(self._rows), tree_root(self._node, len(self._rows)))

    def holds(self, key: bytes) -> bool:
        """Tell whether a row has `key`."""
        place = bisect_left(self._keys, key)
        return place < len(self._keys) and self._keys[place] == key

    def prove(self, key: bytes) -> tuple[Leaf, ...]:
        """Return the leaf with `key`, or the neighbours between which it would stand, one or two."""
        place = bisect_left(self._keys, key)
        if self.holds(key):
            return (self._leaf(place),)
        beside = (place - 1, place)
        return tuple(self._leaf(index) for index in beside if 0 <= index < len(self._rows))

    def _leaf(self, index: int) -> Leaf:
        path = inclusion_proof(self._node, index, len(self._rows))
        return Leaf(index, self._rows[index], tuple(path))

    def _node(self, height: int, index: int) -> bytes:
        """Return the root of a complete subtree; the large ones are all hashed on the first call and kept."""
        if height < _KEPT_FROM:
            return self._hashed(height, index)
        if not self._levels:
            level = bytearray()
            for number in range(len(self._rows) >> _KEPT_FROM):
                level += self._hashed(_KEPT_FROM, number)
            while level:
                self._levels.append(level)
                level = _parents(level)
        kept = self._levels[height - _KEPT_FROM]
        return bytes(kept[index * HASH_SIZE : (index + 1) * HASH_SIZE])

    def _hashed(self, height: int, index: int) -> bytes:
        first = index << height
        level = [leaf_hash(self._rows[number]) for number in range(first, first + (1 << height))]
        for _ in range(height):
            level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
        return level[0]


def _parents(level: bytearray) -> bytearray:
    """Return the hashes over each two of a level, one behind the other; an odd one at the end is left out."""
    made = bytearray()
    for at in range(0, len(level) - HASH_SIZE, 2 * HASH_SIZE):
        middle, end = at + HASH_SIZE, at + 2 * HASH_SIZE
        made += node_hash(bytes(level[at:middle]), bytes(level[middle:end]))
    return made


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
