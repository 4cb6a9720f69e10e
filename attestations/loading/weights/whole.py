"""A file of which only the whole is signed: it is read and checked before the first tensor is given."""

import shlex

from weightmark.attestations.loading.private_file import PrivateFile
from weightmark.attestations.loading.releases import Releases
from weightmark.attestations.loading.weights.layout import Layout
from weightmark.errors import LimitError, TamperedError

__all__ = ["WholeWeights", "over_memory", "read_checked"]


class WholeWeights:
    """Keeps the whole file in private memory."""

    def __init__(self, file: PrivateFile, path: str, releases: Releases) -> None:
        """Read the file that stands at `path` in the releases; raises as `read_checked` and `Layout.parse`."""
        self._data = read_checked(file, path, releases)
        self.layout = Layout.parse(self._data, file.size)

    def read(self, name: str) -> bytearray:
        """Return a copy of the bytes of one tensor; see `WeightsFile.read`."""
        tensor = self.layout.tensors[name]
        at = self.layout.data_at
        with memoryview(self._data) as view:
            return bytearray(view[at + tensor.start : at + tensor.end])

    def close(self) -> None:
        """Let go of the memory."""
        self._data = bytearray()
        self.layout = Layout(0, {}, {})


def read_checked(file: PrivateFile, path: str, releases: Releases) -> bytearray:
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
        fix=f"add tensor digests with `weightmark sign {shlex.quote(artifact)} --key KEY`, "
        "or raise `memory_limit`",
    )
