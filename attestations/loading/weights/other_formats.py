"""Weights that are no safetensors, from bytes that were checked before: torch, GGUF, NumPy, ONNX.

Nothing is unpickled: the readers are those of `weightmark digest --tensors`.
"""

from weightmark.attestations.loading.private_memory import Memory, private_memory
from weightmark.attestations.loading.weights.layout import Layout
from weightmark.errors import LimitError, MalformedError, UncheckedError, UnsupportedError
from weightmark.provenance.names import escape_path
from weightmark.scanners.formats.safetensors import Tensor
from weightmark.scanners.tensors.interface import FileContent, TensorSource
from weightmark.values import dataclass

__all__ = ["OtherWeights"]


@dataclass(frozen=True, slots=True)
class _PrivateView:
    """Private memory as a `ByteView`."""

    memory: Memory

    @property
    def size(self) -> int:
        return len(self.memory)

    def read_at(self, offset: int, length: int) -> bytes:
        with memoryview(self.memory) as view:
            return bytes(view[offset : offset + length])


class OtherWeights:
    """Keeps a whole file in private memory, and makes each tensor from it."""

    def __init__(self, data: Memory, label: str, *, memory_limit: int) -> None:
        """Take a file that was checked; no tensor of more than `memory_limit` bytes is made.

        Raises `UnsupportedError` for a format that is not read and for bytes that lie in other
        files, `MalformedError` for two tensors of one name, and as the readers.
        """
        self._tensors = _sources(_content(data, label), label)
        self._limit = memory_limit
        self.layout = Layout(
            0,
            {
                name: Tensor(name, one.dtype, one.shape, 0, one.size)
                for name, one in self._tensors.items()
            },
            {},
        )

    def read(self, name: str) -> Memory:
        """Return the bytes of one tensor in C order, little-endian; see `WeightsFile.read`."""
        tensor = self._tensors[name]
        if tensor.size > self._limit:
            raise LimitError(
                f"`{escape_path(name[:80])}` has {tensor.size} bytes, and the limit is {self._limit}",
                fix="raise `memory_limit`",
            )
        made = private_memory(tensor.size)
        at = 0
        with memoryview(made) as view:
            for block in tensor.blocks():
                view[at : at + len(block)] = block
                at += len(block)
        if at != tensor.size:
            raise UncheckedError(f"`{escape_path(name[:80])}`: the stored bytes end early")
        return made

    def close(self) -> None:
        """Let go of the memory."""
        self._tensors = {}
        self.layout = Layout(0, {}, {})


def _content(data: Memory, label: str) -> FileContent:
    from weightmark.scanners.tensors.catalogue import read_content

    found = read_content(_PrivateView(data))
    if found is None or not isinstance(found[1], FileContent):
        raise UnsupportedError(
            f"`{label}` holds no weights in a format that is read",
            fix="name a file of safetensors, torch, GGUF, NumPy or ONNX weights",
        )
    if found[1].external:
        raise UnsupportedError(
            f"`{label}` keeps tensors in other files",
            why="verified loading reads one file at a time",
            fix="make safetensors of it, and sign those",
        )
    return found[1]


def _sources(content: FileContent, label: str) -> dict[str, TensorSource]:
    tensors = {one.name: one for one in content.tensors}
    if len(tensors) != len(content.tensors):
        raise MalformedError(f"two tensors of `{label}` have one name")
    return tensors
