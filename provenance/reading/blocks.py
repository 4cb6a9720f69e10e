"""Blocks: the bytes of one open file, handed to everybody who asked for them while they are in cache."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Generic, TypeVar

from weightmark.errors import FileChangedError
from weightmark.provenance.reading.interface import BlockSink, Watcher
from weightmark.provenance.reading.views import PIECE, NotingView, piece_digest

__all__ = ["BLOCK", "BUFFERS", "NotedSink", "PieceSink", "hand_out", "read_blocks"]

BLOCK = 4 * 1024 * 1024
"""bytes read at a time"""
BUFFERS = 4
"""blocks of one file in memory"""
_WORTH_OVERLAPPING = 4 * BLOCK

T = TypeVar("T")


class PieceSink(Generic[T]):
    """Keeps the digest of each piece of a file, for the view in which it is seen a second time."""

    def __init__(self, watcher: Watcher[T]) -> None:
        """Begin with the first byte; hand on to `watcher`, and keep digests only if it looks again."""
        self._watcher = watcher
        self._digests: list[bytes] = []

    @property
    def digests(self) -> tuple[bytes, ...]:
        """`piece_digest` of each piece, in order."""
        return tuple(self._digests)

    def update(self, block: memoryview, /) -> None:
        """Take the next block: a whole number of pieces, but for the last."""
        self._watcher.update(block)
        if self._watcher.looks_again:
            self._digests += (
                piece_digest(block[start : start + PIECE]) for start in range(0, len(block), PIECE)
            )


class NotedSink:
    """Holds every byte of a file against what somebody saw of it before it was hashed."""

    def __init__(self, view: NotingView) -> None:
        """Begin with the first byte."""
        self._view = view
        self._offset = 0

    def update(self, block: memoryview, /) -> None:
        """Take the next block: a whole number of pieces, but for the last. Raises `FileChangedError`."""
        first, self._offset = self._offset // PIECE, self._offset + len(block)
        self._view.compare(first, block)


def read_blocks(descriptor: int, size: int, name: str) -> Iterator[memoryview]:
    """Yield the file block by block; a block is good until `BUFFERS` later ones were asked for.

    Raises `OSError`, and `FileChangedError` when the file shrank.
    """
    kept = min(BUFFERS, -(-size // BLOCK))
    buffers = [memoryview(bytearray(min(size, BLOCK))) for _ in range(kept)]
    for number, offset in enumerate(range(0, size, BLOCK)):
        block = buffers[number % kept][: min(BLOCK, size - offset)]
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

    Overlapped, each taker works in a thread of its own while the next blocks are read; the slowest
    never waits for another.
    """
    if overlapped and size >= _WORTH_OVERLAPPING:
        _hand_out_at_once(blocks, takers, advance)
        return
    for block in blocks:
        for taker in takers:
            taker.update(block)
        if not advance(len(block)):
            return


def _hand_out_at_once(
    blocks: Iterator[memoryview],
    takers: Sequence[BlockSink],
    advance: Callable[[int], bool],
) -> None:
    lanes = [_Lane(taker) for taker in takers]
    try:
        for number in count():
            if number >= BUFFERS:
                for lane in lanes:
                    lane.wait()
            block = next(blocks, None)
            if block is None:
                break
            for lane in lanes:
                lane.put(block)
            if not advance(len(block)) or any(lane.error for lane in lanes):
                break
    finally:
        for lane in lanes:
            lane.close()
    for lane in lanes:
        if lane.error:
            raise lane.error


class _Lane:
    """One taker and the thread in which it takes blocks."""

    def __init__(self, taker: BlockSink) -> None:
        from queue import SimpleQueue

        self.error: BaseException | None = None
        self._taker = taker
        self._blocks: SimpleQueue[memoryview | None] = SimpleQueue()
        self._taken = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, block: memoryview) -> None:
        """Hand over the next block, which stays as it is until it was waited for."""
        self._blocks.put(block)

    def wait(self) -> None:
        """Wait until the earliest block that was not waited for is done with."""
        self._taken.acquire()

    def close(self) -> None:
        """Let the thread finish what it has, and wait for it."""
        self._blocks.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            try:
                if self.error is None:
                    self._taker.update(block)
            except BaseException as error:  # noqa: BLE001 - raised again by whoever hands out
                self.error = error
            self._taken.release()


def _fill(descriptor: int, block: memoryview, offset: int, name: str) -> None:
    filled = 0
    while filled < len(block):
        count = os.preadv(descriptor, [block[filled:]], offset + filled)
        if not count:
            raise FileChangedError(
                f"`{name}` shrank while it was read", fix="run again when nothing writes to it"
            )
        filled += count
