"""A simulated log whose operator can do what it likes: sign any head, fork, roll back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from weightmark.provenance.ledger.checkpoint import Checkpoint, verify_checkpoint
from weightmark.provenance.ledger.merkle import leaf_hash
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.witnessing.client import LogHead
from weightmark.provenance.ledger.witnessing.request import AddCheckpoint

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
AT = int(NOW.timestamp())


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return hashlib.sha256(b"\1" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def extension_proof(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2, word for word."""
    if old == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    split = _split(len(leaves))
    if old <= split:
        return [*extension_proof(old, leaves[:split], whole=whole), tree_hash(leaves[split:])]
    right = extension_proof(old - split, leaves[split:], whole=False)
    return [*right, tree_hash(leaves[:split])]


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


@dataclass
class LogSim:
    """A log with so many entries; `salt` makes another history under the same key."""

    size: int = 0
    salt: str = ""
    honest: int = 0
    """the first entries, which have no salt"""
    signer: NoteSigner = field(default_factory=lambda: NoteSigner("log.example/one", b"\x07" * 32))

    @property
    def leaves(self) -> list[bytes]:
        return [
            leaf_hash(f"{'' if index < self.honest else self.salt}{index}".encode())
            for index in range(self.size)
        ]

    def checkpoint(self, size: int | None = None) -> bytes:
        """The log's signed checkpoint of the first `size` entries."""
        size = self.size if size is None else size
        return Checkpoint(self.signer.name, size, tree_hash(self.leaves[:size])).sign(self.signer)

    def node(self, height: int, index: int) -> bytes:
        return tree_hash(self.leaves[index << height : (index + 1) << height])

    def head(self) -> LogHead:
        """What the log shows to witnesses."""
        verified = verify_checkpoint(self.checkpoint(), self.signer.verifier)
        return LogHead(verified, self.signer.verifier, self.node)

    def request(self, old: int, size: int | None = None) -> AddCheckpoint:
        """A request with a true proof from `old`."""
        size = self.size if size is None else size
        proof = extension_proof(old, self.leaves[:size]) if 0 < old <= size else []
        return AddCheckpoint(old, tuple(proof), self.checkpoint(size))
