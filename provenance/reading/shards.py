"""Shards: a file cut into ranges of one size, each with a digest of its own."""

from collections.abc import Iterable

from weightmark.errors import LimitError
from weightmark.provenance.reading.columns import Column, Digest, new_digest
from weightmark.values import dataclass

__all__ = ["MAX_SHARDS", "ShardSink", "Sharding"]

MAX_SHARDS = 1_000_000
"""shards of one artifact"""


@dataclass(frozen=True, slots=True)
class Sharding:
    """How files are cut."""

    algorithm: Column
    """hash of each shard"""
    size: int
    """bytes a shard; the last of a file may be shorter"""

    def require_bounded(self, sizes: Iterable[int]) -> None:
        """Raise `LimitError` when files of these sizes make more shards than anybody needs."""
        count = sum(-(-size // self.size) for size in sizes)
        if count > MAX_SHARDS:
            raise LimitError(
                f"shards of {self.size} bytes cut the artifact into {count} pieces",
                why=f"at most {MAX_SHARDS} are hashed",
                fix="ask the signer for larger shards",
            )


class ShardSink:
    """Takes the blocks of one file and keeps the digest of every shard."""

    def __init__(self, sharding: Sharding) -> None:
        """Begin with the first byte of a file."""
        self._sharding = sharding
        self._digests: list[str] = []
        self._open: Digest | None = None
        self._room = 0

    def update(self, block: memoryview, /) -> None:
        """Take the next block of the file."""
        while block:
            if self._open is None:
                self._open, self._room = new_digest(self._sharding.algorithm), self._sharding.size
            part = block[: self._room]
            self._open.update(part)
            self._room -= len(part)
            block = block[len(part) :]
            if not self._room:
                self._close()

    def hexdigests(self) -> tuple[str, ...]:
        """Return the digests of all shards, lowercase hex; the file ends here."""
        self._close()
        return tuple(self._digests)

    def _close(self) -> None:
        if self._open is not None:
            self._digests.append(self._open.hexdigest())
            self._open = None
