"""The seam between a file of weights and the mapping that hands out its tensors."""

from typing import Protocol

from weightmark.attestations.loading.private_memory import Memory
from weightmark.attestations.loading.weights.layout import Layout

__all__ = ["WeightsFile"]


class WeightsFile(Protocol):
    """A file of weights that was checked against what a trusted signer says: its header, or all of it."""

    @property
    def layout(self) -> Layout:
        """Its tensors, by the checked bytes."""
        ...

    def read(self, name: str) -> Memory:
        """Return the bytes of one tensor in private memory of their own, checked there.

        Raises `TamperedError` when they are not what was signed, `FileChangedError`, `ReadError`,
        and `KeyError` for a name that is not in the layout.
        """
        ...

    def close(self) -> None:
        """Let go of the file; what was handed out stays good."""
        ...
