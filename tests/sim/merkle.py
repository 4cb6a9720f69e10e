"""An RFC 6962 Merkle tree, written for the tests alone: a second opinion on the product's own."""

import hashlib
from collections.abc import Sequence

__all__ = ["MerkleTree"]


class MerkleTree:
    """Leaves, and the proofs over them."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []

    def append(self, data: bytes) -> int:
        """Add a leaf and return its index."""
        self.leaves.append(hashlib.sha256(b"\0" + data).digest())
        return len(self.leaves) - 1

    def root(self) -> bytes:
        """Return the root over all leaves."""
        return _root(self.leaves)

    def proof(self, index: int) -> list[bytes]:
        """Return the inclusion proof of the leaf at `index` in the whole tree."""
        return _path(index, self.leaves)


def _root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return hashlib.sha256(b"\1" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) <= 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*_path(index, leaves[:split]), _root(leaves[split:])]
    return [*_path(index - split, leaves[split:]), _root(leaves[:split])]


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
