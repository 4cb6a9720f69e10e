"""The seam between a weight format and whoever wants its tensors."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Protocol

from weightmark.provenance.reading.interface import ByteView
from weightmark.values import dataclass

__all__ = [
    "HEAD",
    "ExternalTensor",
    "FileContent",
    "ShardIndex",
    "TensorReader",
    "TensorSource",
]


HEAD = 512
"""bytes by which a file is recognised"""


class TensorSource(Protocol):
    """One tensor under one name, and how to get at its bytes."""

    @property
    def name(self) -> str:
        """Its key."""
        ...

    @property
    def dtype(self) -> str:
        """A key of `ITEM_SIZES`, or the name that the format has for a packed type."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, the slowest first."""
        ...

    @property
    def size(self) -> int:
        """Bytes that `blocks` yields in all."""
        ...

    @property
    def place(self) -> Hashable:
        """What makes two names the very same stored tensor."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in C order, little-endian; raises `UncheckedError` where they end early."""
        ...


@dataclass(frozen=True, slots=True)
class ExternalTensor:
    """A tensor whose bytes stand in another file of the artifact."""

    name: str
    """its key"""
    dtype: str
    """as `TensorSource.dtype`"""
    shape: tuple[int, ...]
    """dimensions"""
    location: str
    """relative POSIX path of the other file, seen from the folder of this one"""
    offset: int
    """first byte in the other file"""
    size: int
    """bytes"""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The tensors of one file."""

    tensors: tuple[TensorSource, ...]
    """those whose bytes stand in the file itself"""
    external: tuple[ExternalTensor, ...] = ()
    """those whose bytes stand elsewhere"""
    others: int = 0
    """numbers, texts and other values that stand beside the tensors, such as a scale or a step"""


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """A document that says in which file each tensor stands."""

    files: Mapping[str, str]
    """tensor name to relative POSIX path, seen from the folder of the index"""


class TensorReader(Protocol):
    """One format."""

    @property
    def name(self) -> str:
        """How answers call the format."""
        ...

    def recognises(self, head: bytes) -> bool:
        """Tell from the first `HEAD` bytes whether the file may be of this format."""
        ...

    def read(self, view: ByteView) -> FileContent | ShardIndex | None:
        """Return what the file holds; None when it is of another format after all.

        Raises `MalformedError` for a file that contradicts itself or its format, `UncheckedError`
        for one that ends early, `LimitError` and `UnsupportedError`.
        """
        ...
