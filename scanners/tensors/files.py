"""What one file tells about tensors, found out while the file is read for its identity."""

from collections.abc import Mapping
from dataclasses import field

from weightmark.errors import UncheckedError, WeightmarkError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.tensors import TensorEntry
from weightmark.scanners.tensors.interface import HEAD, ExternalTensor, ShardIndex
from weightmark.scanners.tensors.safetensors import PassingSafetensors, SafetensorsTensors
from weightmark.values import dataclass

__all__ = ["FileTensors", "TensorWatcher"]


@dataclass(frozen=True, slots=True)
class FileTensors:
    """The tensors of one file."""

    format: str = ""
    """name of the format; empty for a file that holds no weights, and beside an error"""
    entries: tuple[TensorEntry, ...] = ()
    """tensors whose bytes stand in the file"""
    external: tuple[ExternalTensor, ...] = ()
    """tensors whose bytes stand in other files"""
    others: int = 0
    """values in the file that are no tensors"""
    index: Mapping[str, str] | None = None
    """for an index: the file of each tensor"""
    error: WeightmarkError | None = field(default=None, compare=False)
    """why the file could not be read as what it seems to be"""


class TensorWatcher:
    """Takes the blocks of one file: those of safetensors are hashed as they pass, others looked at again."""

    def __init__(self, size: int, *, bound: bool = True) -> None:
        """Begin a file of `size` bytes; `bound` says that a second look must show what was hashed."""
        self._size = size
        self._bound = bound
        self._head = b""
        self._passing: PassingSafetensors | None = None
        self._error: WeightmarkError | None = None

    @property
    def looks_again(self) -> bool:
        """Whether the bytes are read a second time, through a view that is bound to the first."""
        return self._bound and self._passing is None and _may_hold_tensors(self._head)

    def update(self, block: memoryview, /) -> None:
        """Take the next block of the file."""
        if not self._head:
            self._head = bytes(block[:HEAD])
            if SafetensorsTensors().recognises(self._head):
                self._passing = PassingSafetensors(self._size)
        if self._passing and not self._error:
            try:
                self._passing.update(block)
            except Exception as error:  # noqa: BLE001 - one file must not hide the others
                self._error = _as_ours(error)

    def finish(self, view: ByteView, /) -> FileTensors:
        """Return what the file holds; what is wrong with it becomes part of the answer."""
        if self._error:
            return FileTensors(error=self._error)
        try:
            if self._passing:
                return FileTensors("safetensors", tuple(self._passing.entries()))
            return _looked(view) if _may_hold_tensors(self._head) else FileTensors()
        except Exception as error:  # noqa: BLE001 - one file must not hide the others
            return FileTensors(error=_as_ours(error))


def _as_ours(error: Exception) -> WeightmarkError:
    """Return an error of a reader; one that no reader should let through means that nothing was checked."""
    if isinstance(error, WeightmarkError):
        return error
    return UncheckedError(
        "the tensors of the file could not be read",
        why=f"its reader failed with {type(error).__name__}: {str(error)[:200]}",
        fix="report this file as a bug of weightmark",
    )


def _may_hold_tensors(head: bytes) -> bool:
    """Ask every reader; they are imported only for a file that is no safetensors."""
    from weightmark.scanners.tensors.catalogue import may_hold_tensors

    return may_hold_tensors(head)


def _looked(view: ByteView) -> FileTensors:
    from weightmark.scanners.tensors.catalogue import read_content
    from weightmark.scanners.tensors.digests import entries_of

    found = read_content(view)
    if found is None:
        return FileTensors()
    name, content = found
    if isinstance(content, ShardIndex):
        return FileTensors(name, index=content.files)
    entries = tuple(entries_of(content.tensors, view.size))
    return FileTensors(name, entries, content.external, content.others)
