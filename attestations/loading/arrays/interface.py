"""The seam between checked bytes and the arrays that a caller works with."""

from typing import Any, Protocol

from weightmark.attestations.loading.private_memory import Memory

__all__ = ["ArrayForm"]


class ArrayForm(Protocol):
    """One kind of array."""

    @property
    def name(self) -> str:
        """The word by which a caller chooses it."""
        ...

    def make(self, dtype: str, shape: tuple[int, ...], data: Memory) -> Any:
        """Return an array over `data`, C order and little-endian, which nobody else holds.

        `dtype` is a name of the safetensors format. Raises `UnsupportedError` for one that this
        kind of array does not have.
        """
        ...
