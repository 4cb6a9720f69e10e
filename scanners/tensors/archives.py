"""Zip archives that hold weights: checkpoints of torch, and NumPy's npz."""

from typing import Final

from weightmark.errors import UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.zip_records import LOCAL_SIGNATURE, read_directories
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.tensors.interface import FileContent
from weightmark.scanners.tensors.numpy_arrays import archive_tensors
from weightmark.scanners.tensors.torch_checkpoints import checkpoint_content
from weightmark.scanners.tensors.zip_members import zip_members
from weightmark.values import dataclass

__all__ = ["TorchZipTensors", "ZippedArrays"]


@dataclass(frozen=True, slots=True)
class TorchZipTensors:
    """Reads what `torch.save` writes: a pickle of tensors beside their storages."""

    name: Final[str] = "torch"

    def recognises(self, head: bytes) -> bool:
        """Tell a zip."""
        return head.startswith(LOCAL_SIGNATURE)

    def read(self, view: ByteView) -> FileContent | None:
        """Return every tensor; see `TensorReader.read`."""
        if not any(name.lower().endswith(b"data.pkl") for name in _names(view)):
            return None
        return checkpoint_content(zip_members(view))


@dataclass(frozen=True, slots=True)
class ZippedArrays:
    """Reads an npz."""

    name: Final[str] = "npz"

    def recognises(self, head: bytes) -> bool:
        """Tell a zip."""
        return head.startswith(LOCAL_SIGNATURE)

    def read(self, view: ByteView) -> FileContent | None:
        """Return every array; see `TensorReader.read`."""
        names = _names(view)
        if not names or not all(name.endswith(b".npy") for name in names):
            return None
        return FileContent(tuple(archive_tensors(zip_members(view))))


def _names(view: ByteView) -> set[bytes]:
    """Return what any directory of the archive names; raises `UncheckedError` where it is cut off."""
    directories = read_directories(view, Budget(Limits.default()))
    if not directories:
        raise UncheckedError("the archive has no directory: it may be cut off")
    return {entry.header.name for one in directories for entry in one.entries}
