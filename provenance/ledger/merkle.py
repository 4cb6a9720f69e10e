"""The Merkle tree of RFC 6962 with SHA-256: hashes, roots, proofs. Pure.

Trees are reached through a `NodeReader`: (height, index) gives the root of the complete subtree
over the leaves `index * 2**height` up to `(index + 1) * 2**height`.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from weightmark.errors import LedgerInconsistentError

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "Frontier",
    "NodeReader",
    "check_consistency",
    "check_inclusion",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_from_inclusion",
    "tree_root",
]

HASH_SIZE = 32
"""bytes"""
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""the root of the tree without leaves"""

NodeReader = Callable[[int, int], bytes]
"""(height, index) to the hash of a complete subtree"""


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry (RFC 6962 §2.1: prefix 0x00)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children (RFC 6962 §2.1: prefix 0x01)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: O(log n) memory, one pass."""

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    @classmethod
    def of(cls, size: int, peaks: Sequence[bytes]) -> "Frontier":
        """Take up a tree of `size` at its `peaks`; raises `ValueError` when they are not as many as it has."""
        if size < 0 or len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} does not have {len(peaks)} peaks")
        frontier = cls()
        frontier.size, frontier._peaks = size, list(peaks)
        return frontier

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of its complete subtrees, the largest first."""
        return tuple(self._peaks)

    def push(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        carry = self.size
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            carry >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        return _fold(self._peaks)


def tree_root(read: NodeReader, size: int) -> bytes:
    """Return the root over the first `size` leaves."""
    return _range_root(read, 0, size)


def inclusion_proof(read: NodeReader, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size`, leaf's sibling first (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(read, middle, end))
            end = middle
        else:
            path.append(_range_root(read, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(read: NodeReader, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` extends the tree of `old` (RFC 6962 §2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not extend one of {old}")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(read, middle, end))
            end = middle
        else:
            path.append(_range_root(read, start, middle))
            start = middle
    if start:
        path.append(_range_root(read, start, end))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an audit path leads to (RFC 9162 §2.1.3.2).

    Raises `LedgerInconsistentError` when the path has the wrong length for `index` and `size`.
    """
    if not 0 <= index < size:
        raise LedgerInconsistentError(f"there is no entry {index} in a ledger of size {size}")
    inner = (index ^ (size - 1)).bit_length()
    if len(path) != inner + (index >> inner).bit_count():
        raise LedgerInconsistentError(
            f"the inclusion proof has {len(path)} hashes, which is wrong for entry {index} of {size}"
        )
    result = leaf
    for height, sibling in enumerate(path):
        goes_right = height >= inner or index >> height & 1
        result = node_hash(sibling, result) if goes_right else node_hash(result, sibling)
    return result


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise `LedgerInconsistentError` unless the leaf hash stands at `index` under `root`."""
    if root_from_inclusion(leaf, index, size, path) != root:
        raise LedgerInconsistentError(
            f"the inclusion proof of entry {index} does not lead to the root at size {size}"
        )


def check_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raise `LedgerInconsistentError` unless the tree of `new` extends that of `old` (RFC 9162 §2.1.4.2)."""
    if not 0 <= old <= new:
        raise LedgerInconsistentError(f"a ledger of size {new} does not extend one of size {old}")
    if old in {0, new}:
        expected = EMPTY_ROOT if old == 0 else new_root
        if path or old_root != expected:
            raise LedgerInconsistentError(f"two different ledgers of size {old}")
        return
    if _consistency_roots(old, new, old_root, path) != (old_root, new_root):
        raise LedgerInconsistentError(
            f"the ledger of size {new} does not extend the one of size {old}"
        )


def _consistency_roots(
    old: int, new: int, old_root: bytes, path: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """Return the roots of both trees that a proof leads to; None when it has the wrong length."""
    hashes: Iterator[bytes] = iter(path if old & (old - 1) else (old_root, *path))
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = next(hashes, b"")
    for sibling in hashes:
        if last == 0:
            return None
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return (first, second) if last == 0 else None


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(read: NodeReader, start: int, end: int) -> bytes:
    """Return the root over the leaves from `start`, which a split made, up to `end`."""
    peaks: list[bytes] = []
    while start < end:
        height = (end - start).bit_length() - 1
        peaks.append(read(height, start >> height))
        start += 1 << height
    return _fold(peaks)


def _fold(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    result = peaks[-1]
    for peak in reversed(peaks[:-1]):
        result = node_hash(peak, result)
    return result
