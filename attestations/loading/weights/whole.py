"""A file of which only the whole is signed: it is read and checked before the first tensor is given."""

import shlex

from weightmark.attestations.loading.private_file import PrivateFile
from weightmark.attestations.loading.private_memory import Memory, private_memory
from weightmark.attestations.loading.releases import Releases
from weightmark.attestations.loading.weights.interface import WeightsFile
from weightmark.attestations.loading.weights.layout import LENGTH_FIELD, Layout, header_end
from weightmark.attestations.loading.weights.other_formats import OtherWeights
from weightmark.errors import LimitError, TamperedError
from weightmark.scanners.tensors.interface import HEAD
from weightmark.scanners.tensors.safetensors import SafetensorsTensors

__all__ = ["WholeWeights", "over_memory", "read_checked", "read_whole"]


def read_whole(
    file: PrivateFile, path: str, releases: Releases, *, memory_limit: int
) -> WeightsFile:
    """Read the weights at `path` in the releases, whatever format they have; their bytes tell.

    Raises as `read_checked`, `Layout.parse` and `OtherWeights`.
    """
    data = read_checked(file, path, releases)
    if SafetensorsTensors().recognises(bytes(data[:HEAD])):
        return WholeWeights(data)
    return OtherWeights(data, file.label, memory_limit=memory_limit)


class WholeWeights:
    """Keeps a whole safetensors file in private memory."""

    def __init__(self, data: Memory) -> None:
        """Take a file that was checked; raises as `Layout.parse`."""
        self._data = data
        size = len(data)
        end = header_end(bytes(data[:LENGTH_FIELD]), size)
        self.layout = Layout.parse(bytes(data[:end]), size)

    def read(self, name: str) -> Memory:
        """Return a copy of the bytes of one tensor; see `WeightsFile.read`."""
        tensor = self.layout.tensors[name]
        at = self.layout.data_at
        copy = private_memory(tensor.end - tensor.start)
        with memoryview(self._data) as view, memoryview(copy) as target:
            target[:] = view[at + tensor.start : at + tensor.end]
        return copy

    def close(self) -> None:
        """Let go of the memory."""
        self._data = bytearray()
        self.layout = Layout(0, {}, {})


def read_checked(file: PrivateFile, path: str, releases: Releases) -> Memory:
    """Read a file into private memory, check it there, and close it.

    Raises `TamperedError` unless it is what a release holds at `path`, and as `PrivateFile.read`.
    """
    try:
        data, digest = file.read(0, file.size)
    finally:
        file.close()
    if not releases.keep(lambda release: release.rows[path].blake3 == digest):
        raise TamperedError(
            f"`{file.label}` is not what was signed",
            why="the bytes in memory have another digest than the file that the trusted signer lists",
            fix="get the file again from the publisher",
        )
    return data


def over_memory(size: int, limit: int, artifact: str) -> LimitError:
    """Return the error for files that do not fit into memory at once."""
    return LimitError(
        f"{size} bytes would have to be read before the first tensor, and the limit is {limit}",
        why="only whole files are signed, not their tensors",
        fix=f"add tensor digests with `weightmark sign {shlex.quote(artifact)} --key KEY` "
        "(safetensors; `weightmark convert` makes them), or raise `memory_limit`",
    )
