"""The seam between whoever reads a file and whoever looks at its bytes."""

from typing import Protocol, TypeVar

__all__ = ["BlockSink", "ByteView", "Watcher"]

T_co = TypeVar("T_co", covariant=True)


class ByteView(Protocol):
    """Random access to the bytes of one regular file that was opened once.

    A view never reopens a path: what a scanner sees is what was hashed.
    """

    @property
    def size(self) -> int:
        """Length in bytes, fixed when the file was opened."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer only at the end of the file.

        Raises `ReadError` when reading fails and `FileChangedError` when the file shrank.
        """
        ...


class BlockSink(Protocol):
    """Something that wants every byte of a file, in order, once."""

    def update(self, block: memoryview, /) -> object:
        """Take the next block; the buffer is reused after the call returns."""
        ...


class Watcher(BlockSink, Protocol[T_co]):
    """Something that takes every byte of one file, in order, and then tells what it saw."""

    @property
    def looks_again(self) -> bool:
        """Whether `finish` reads from the view; asked after each block, and settled by the first."""
        ...

    def finish(self, view: ByteView, /) -> T_co:
        """Tell what was seen once every block was handed out; `view` shows the very same bytes."""
        ...
