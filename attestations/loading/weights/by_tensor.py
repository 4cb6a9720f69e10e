"""A file whose tensors a trusted signer lists: each is read and checked when it is asked for."""

from weightmark.attestations.loading.private_file import PrivateFile
from weightmark.attestations.loading.private_memory import Memory
from weightmark.attestations.loading.releases import Release, Releases
from weightmark.attestations.loading.weights.layout import LENGTH_FIELD, Layout, header_end
from weightmark.attestations.predicates.tensors import FileTable
from weightmark.errors import MalformedError, TamperedError
from weightmark.provenance.names import escape_path

__all__ = ["ListedWeights"]


class ListedWeights:
    """Reads single tensors; nothing else of the file comes into memory."""

    def __init__(self, file: PrivateFile, path: str, releases: Releases) -> None:
        """Check length field and header of the file that stands at `path` in the releases.

        Raises `TamperedError` when the header is not the signed one, `MalformedError` when header
        and table contradict each other, `LimitError`, and as `PrivateFile.read`.
        """
        self._file = file
        self._path = path
        self._releases = releases
        prefix, _ = file.read(0, LENGTH_FIELD)
        end = header_end(bytes(prefix), file.size)
        head, digest = file.read(0, end)
        if not releases.keep(lambda release: _has_header(release.tables.get(path), end, digest)):
            raise _not_signed(file.label, "header")
        self.layout = Layout.parse(bytes(head), file.size)
        if not releases.keep(self._agrees):
            raise MalformedError(
                f"the signed tensor table of `{file.label}` contradicts its header",
                why="it lists other tensors, or other offsets",
                fix="ask the publisher to sign again",
            )
        self._digests: dict[str, dict[str, str]] = {}

    def read(self, name: str) -> Memory:
        """Return the bytes of one tensor; see `WeightsFile.read`."""
        tensor = self.layout.tensors[name]
        data, digest = self._file.read(
            self.layout.data_at + tensor.start, tensor.end - tensor.start
        )
        if not self._releases.keep(lambda release: self._signed(release)[name] == digest):
            raise _not_signed(self._file.label, f"tensor `{escape_path(name[:80])}`")
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _agrees(self, release: Release) -> bool:
        """Tell whether a table lists exactly the tensors of the header, at their offsets."""
        said = {one.name: (one.offset, one.end) for one in release.tables[self._path].tensors}
        at = self.layout.data_at
        tensors = self.layout.tensors.values()
        return said == {one.name: (at + one.start, at + one.end) for one in tensors}

    def _signed(self, release: Release) -> dict[str, str]:
        """Return the digest of each tensor as a release lists it."""
        found = self._digests.get(release.identity)
        if found is None:
            found = {one.name: one.blake3 for one in release.tables[self._path].tensors}
            self._digests[release.identity] = found
        return found


def _has_header(table: FileTable | None, size: int, digest: str) -> bool:
    return table is not None and (table.header_size, table.header_blake3) == (size, digest)


def _not_signed(label: str, part: str) -> TamperedError:
    return TamperedError(
        f"the {part} of `{label}` is not what was signed",
        why="the bytes in memory have another digest than the tensor table of the trusted signer",
        fix="get the file again from the publisher",
    )
