"""Plain bytes with their type and shape, for whoever has neither numpy nor torch."""

from typing import Final

from weightmark.attestations.loading.private_memory import Memory
from weightmark.values import dataclass

__all__ = ["PlainForm", "PlainTensor"]


@dataclass(frozen=True, slots=True)
class PlainTensor:
    """A checked tensor."""

    dtype: str
    """as the safetensors format calls it: `F32`, `BF16`, `I64`, …"""
    shape: tuple[int, ...]
    """dimensions; empty for a single number"""
    data: memoryview
    """the bytes in C order, little-endian; read-only, in private memory"""


@dataclass(frozen=True, slots=True)
class PlainForm:
    """Makes `PlainTensor` values."""

    name: Final[str] = "bytes"

    def make(self, dtype: str, shape: tuple[int, ...], data: Memory) -> PlainTensor:
        """Return the bytes as they are; see `ArrayForm.make`."""
        return PlainTensor(dtype, shape, memoryview(data).toreadonly())
