"""The seam between a file of weights and the mapping that hands out its tensors."""

from typing import Protocol

from weightmark.attestations.loading.weights.layout import Layout

__all__ = ["WeightsFile"]


class WeightsFile(Protocol):
    """A safetensors file whose header was checked against what a trusted signer says."""

    @property
    def layout(self) -> Layout:
        """Its tensors, by the checked header."""
        ...

    def read(self, name: str) -> bytearray:
        """Return the bytes of one tensor in private memory of their own, checked there.

        Raises `TamperedError` when they are not what was signed, `FileChangedError`, `ReadError`,
        and `KeyError` for a name that is not in the layout.
        """
        ...

    def close(self) -> None:
        """Let go of the file; what was handed out stays good."""
        ...
