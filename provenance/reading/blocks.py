"""Blocks: the bytes of one open file, handed to everybody who asked for them while they are in cache."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from weightmark.errors import FileChangedError
from weightmark.provenance.reading.interface import BlockSink, Watcher
from weightmark.provenance.reading.views import PIECE, piece_digest

__all__ = ["BLOCK", "PieceSink", "hand_out", "read_blocks"]

BLOCK = 4 * 1024 * 1024
"""bytes read at a time"""
_WORTH_OVERLAPPING = 4 * BLOCK

T = TypeVar("T")


class PieceSink(Generic[T]):
    """Keeps the digest of each piece of a file, for the view in which it is seen a second time."""

    def __init__(self, watcher: Watcher[T] | None = None) -> None:
        """Begin with the first byte; with a `watcher`, hand on to it and keep digests only if it looks again."""
        self._watcher = watcher
        self._digests: list[bytes] = []

    @property
    def digests(self) -> tuple[bytes, ...]:
        """`piece_digest` of each piece, in order."""
        return tuple(self._digests)

    def update(self, block: memoryview, /) -> None:
        """Take the next block: a whole number of pieces, but for the last."""
        if self._watcher:
            self._watcher.update(block)
            if not self._watcher.looks_again:
                return
        self._digests += (
            piece_digest(block[start : start + PIECE]) for start in range(0, len(block), PIECE)
        )


def read_blocks(descriptor: int, size: int, name: str) -> Iterator[memoryview]:
    """Yield the file block by block; a block is good until the one after the next is asked for.

    Raises `OSError`, and `FileChangedError` when the file shrank.
    """
    buffers = [memoryview(bytearray(min(size, BLOCK))) for _ in range(2)]
    for number, offset in enumerate(range(0, size, BLOCK)):
        block = buffers[number % 2][: min(BLOCK, size - offset)]
        _fill(descriptor, block, offset, name)
        yield block


def hand_out(
    blocks: Iterator[memoryview],
    takers: Sequence[BlockSink],
    *,
    size: int,
    overlapped: bool,
    advance: Callable[[int], bool],
) -> None:
    """Give each block to every taker, in order, until `advance` says that nobody waits any more.

    Overlapped, the takers work at the same time as each other and as the read of the next block.
    """
    if not overlapped or size < _WORTH_OVERLAPPING:
        for block in blocks:
            for taker in takers:
                taker.update(block)
            if not advance(len(block)):
                return
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    pending: list[Future[object]] = []
    with ThreadPoolExecutor(len(takers)) as pool:
        for block in blocks:
            for future in pending:
                future.result()
            pending = [pool.submit(taker.update, block) for taker in takers]
            if not advance(len(block)):
                return
        for future in pending:
            future.result()


def _fill(descriptor: int, block: memoryview, offset: int, name: str) -> None:
    filled = 0
    while filled < len(block):
        count = os.preadv(descriptor, [block[filled:]], offset + filled)
        if not count:
            raise FileChangedError(
                f"`{name}` changed while it was read", fix="run again when nothing writes to it"
            )
        filled += count
