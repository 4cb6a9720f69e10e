"""Which files of an artifact hold the tensors that are meant; each is opened once, and checked."""

import posixpath
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from weightmark.attestations.loading.private_file import PrivateFile
from weightmark.attestations.loading.private_memory import Memory
from weightmark.attestations.loading.releases import Releases
from weightmark.attestations.loading.weights.by_tensor import ListedWeights
from weightmark.attestations.loading.weights.interface import WeightsFile
from weightmark.attestations.loading.weights.whole import over_memory, read_checked, read_whole
from weightmark.errors import CallError, LimitError, MalformedError, UnsupportedError
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.manifest import SINGLE_FILE
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.views import MemoryView
from weightmark.provenance.strict_json import DEFAULT_MAX_SIZE
from weightmark.scanners.tensors.interface import HEAD
from weightmark.scanners.tensors.safetensors import SafetensorsTensors
from weightmark.scanners.tensors.shard_index import ShardIndexReader
from weightmark.values import dataclass

__all__ = ["MEMORY_LIMIT", "OpenedFiles", "open_files"]

MEMORY_LIMIT = 8 << 30
"""bytes that are read at most before the first tensor, unless the caller says otherwise"""
_SHOWN = 10
_SAFETENSORS = ".safetensors"
_OTHERS = (".gguf", ".bin", ".pt", ".pth", ".ckpt", ".npz", ".npy", ".onnx")
_INDEX = ".index.json"


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """Checked files, and which of them holds each tensor."""

    files: Mapping[str, WeightsFile]
    """by path"""
    home: Mapping[str, str]
    """path of the file of each tensor"""


def open_files(
    artifact: Artifact, releases: Releases, *, file: str, memory_limit: int
) -> OpenedFiles:
    """Open the weights at `file`, a file of weights or an index; empty for the only ones there are.

    Raises `CallError` when it can't be told which are meant, `LimitError` for what may not be read
    into memory as a whole, and what `ListedWeights` and `read_whole` raise.
    """
    return _Opening(artifact, releases, memory_limit).run(file)


class _Opening:
    """Opens the files of one artifact."""

    def __init__(self, artifact: Artifact, releases: Releases, memory_limit: int) -> None:
        self.artifact = artifact
        self.entries = {entry.path: entry for entry in artifact.entries}
        self.releases = releases
        self.rows = releases.newest.rows
        self.memory_limit = memory_limit

    def run(self, file: str) -> OpenedFiles:
        path = file or self._only()
        if path not in self.rows or path not in self.entries:
            raise CallError(
                f"`{escape_path(path[:200])}` is no signed file of the artifact",
                fix="name a file as `weightmark digest` lists it",
            )
        index = self._index(path)
        if index is None:
            return self._open([path])
        left = () if file else sorted(set(self._weights()) - set(index.values()))
        if left:
            raise _ambiguous([path, *left])
        opened = self._open(sorted(set(index.values())))
        if opened.home != index:
            name = min(name for name, _ in opened.home.items() ^ index.items())
            raise MalformedError(
                f"index and shards contradict each other about `{escape_path(name[:80])}`",
                fix="ask the publisher to mend the index, and sign again",
            )
        return opened

    def _weights(self) -> list[str]:
        """Return what is called like weights; safetensors where there are any, else the other formats."""
        tables = self.releases.newest.tables
        found = [path for path in self.rows if path in tables or path.endswith(_SAFETENSORS)]
        return found or [path for path in self.rows if path.endswith(_OTHERS)]

    def _only(self) -> str:
        """Return the only thing that can be meant. Names choose what is opened, never what is believed."""
        if self.artifact.single:
            return SINGLE_FILE
        weights = self._weights()
        endings = {f".{path.rpartition('.')[2]}{_INDEX}" for path in weights}
        indexes = [path for path in self.rows if path.endswith(tuple(endings))]
        if not weights:
            raise UnsupportedError(
                "the artifact holds no file that is called like weights",
                why=f"looked for {_SAFETENSORS} {' '.join(_OTHERS)}",
                fix='name one with `file="PATH"`',
            )
        if len(weights) == 1 and not indexes:
            return weights[0]
        if len(indexes) == 1:
            return indexes[0]
        raise _ambiguous([*indexes, *weights])

    def _index(self, path: str) -> dict[str, str] | None:
        """Return the file of each tensor when `path` is an index, and None when it is no JSON at all."""
        if path in self.releases.newest.tables:
            return None
        opened = self._private(path)
        try:
            head = bytes(opened.read(0, min(HEAD, opened.size))[0])
            if SafetensorsTensors().recognises(head) or not ShardIndexReader().recognises(head):
                return None
            data = bytes(self._document(opened, path))
        finally:
            opened.close()
        found = ShardIndexReader().read(MemoryView(data))
        if found is None:
            raise UnsupportedError(
                f"`{opened.label}` is neither a file of weights nor an index of such files",
                fix='name another with `file="PATH"`',
            )
        folder = posixpath.dirname(path)
        return {
            name: posixpath.normpath(posixpath.join(folder, shard))
            for name, shard in found.files.items()
        }

    def _document(self, opened: PrivateFile, path: str) -> Memory:
        if opened.size > min(DEFAULT_MAX_SIZE, self.memory_limit):
            raise LimitError(f"the index `{opened.label}` is over {DEFAULT_MAX_SIZE >> 20} MiB")
        return read_checked(opened, path, self.releases)

    def _open(self, paths: list[str]) -> OpenedFiles:
        self._require_present(paths)
        whole = [path for path in paths if not self._is_listed(path)]
        size = sum(self.rows[path].size for path in whole)
        if size > self.memory_limit:
            raise over_memory(size, self.memory_limit, str(self.artifact.path))
        files: dict[str, WeightsFile] = {}
        home: dict[str, str] = {}
        with ExitStack() as stack:
            for path in paths:
                private = self._private(path)
                stack.callback(private.close)
                files[path] = (
                    read_whole(private, path, self.releases, memory_limit=self.memory_limit)
                    if path in whole
                    else ListedWeights(private, path, self.releases)
                )
                for name in files[path].layout.tensors:
                    if home.setdefault(name, path) != path:
                        raise MalformedError(f"two shards hold `{escape_path(name[:80])}`")
            stack.pop_all()
        return OpenedFiles(files, home)

    def _is_listed(self, path: str) -> bool:
        return self.releases.keep(lambda release: path in release.tables)

    def _require_present(self, paths: Iterable[str]) -> None:
        for path in paths:
            if path not in self.rows or path not in self.entries:
                raise MalformedError(
                    f"the index names the shard `{escape_path(path[:200])}`, which is not there",
                    fix="get the artifact again from the publisher",
                )

    def _private(self, path: str) -> PrivateFile:
        entry: Entry = self.entries[path]
        return PrivateFile.open(entry, self.rows[path].size)


def _ambiguous(paths: list[str]) -> CallError:
    shown = ", ".join(f"`{escape_path(path)}`" for path in paths[:_SHOWN])
    return CallError(
        "the artifact holds several sets of weights",
        why=f"it could be {shown}{', …' if len(paths) > _SHOWN else ''}",
        fix='say which with `file="PATH"`',
    )
