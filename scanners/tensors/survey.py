"""All tensors of an artifact, from the same read that gives its identity."""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from weightmark.errors import MalformedError, UncheckedError, UnsupportedError, WeightmarkError
from weightmark.provenance.artifact import Artifact, open_artifact
from weightmark.provenance.identification import Identification
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import Column, ProgressSink, Reading, read_artifact
from weightmark.provenance.tensors import TensorEntry, TensorTable
from weightmark.scanners.tensors.external import ExternalDigests, beside
from weightmark.scanners.tensors.files import FileTensors, TensorWatcher
from weightmark.scanners.tensors.interface import ExternalTensor
from weightmark.scanners.tensors.stored import shown_key
from weightmark.values import dataclass

__all__ = [
    "TensorSurvey",
    "Unread",
    "WeightSet",
    "WeightSurvey",
    "survey_tensors",
    "survey_weights",
]


@dataclass(frozen=True, slots=True)
class WeightSet:
    """The tensors of one file, or of the files that an index joins."""

    path: str
    """the file or the index, relative to the artifact; `.` for a single file"""
    format: str
    """name of the format: `safetensors`, `torch`, `gguf`, `onnx`, `npz` or `npy`"""
    files: tuple[str, ...]
    """the files that hold the bytes"""
    table: TensorTable
    """the tensors"""
    others: int = 0
    """values in the files that are no tensors and that no digest of tensors binds"""


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that seems to hold weights and could not be read."""

    path: str
    """relative to the artifact"""
    error: WeightmarkError
    """why"""

    @property
    def is_unsupported(self) -> bool:
        """Whether the file is merely of a kind that is not read here."""
        return isinstance(self.error, UnsupportedError)


@dataclass(frozen=True, slots=True)
class WeightSurvey:
    """The tensors in an artifact."""

    artifact: Artifact
    """what was read"""
    sets: tuple[WeightSet, ...]
    """sorted by path"""
    unread: tuple[Unread, ...]
    """sorted by path"""


@dataclass(frozen=True, slots=True)
class TensorSurvey(WeightSurvey):
    """What an artifact is, and the tensors in it, from one read."""

    identification: Identification
    """its digests"""


def survey_tensors(
    path: str | Path,
    *,
    sha256: bool = False,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> TensorSurvey:
    """Read the artifact at `path` once, name it, and hash its tensors.

    A file that lies about itself is listed and does not hide the others. Raises as `identify`.
    """
    artifact = open_artifact(path).require_identifiable()
    columns = [Column.BLAKE3, Column.SHA256] if sha256 else [Column.BLAKE3]
    reading: Reading[FileTensors] = read_artifact(
        artifact,
        columns=columns,
        watch=lambda _, size: TensorWatcher(size),
        progress=progress,
        jobs=jobs,
    )
    digests = {file.path: file.sha256 for file in reading.files} if sha256 else {}
    files = _joined_files(artifact, reading, progress, identified=True)
    identification = Identification(artifact, reading.manifest(), digests)
    return TensorSurvey(artifact, tuple(files.sets), files.sorted_unread, identification)


def survey_weights(
    path: str | Path, *, progress: ProgressSink | None = None, jobs: int | None = None
) -> WeightSurvey:
    """Hash the tensors of the artifact at `path` and nothing else; as `survey_tensors`, without an identity."""
    artifact = open_artifact(path).require_identifiable()
    reading: Reading[FileTensors] = read_artifact(
        artifact,
        columns=(),
        watch=lambda _, size: TensorWatcher(size, bound=False),
        progress=progress,
        jobs=jobs,
    )
    files = _joined_files(artifact, reading, progress, identified=False)
    return WeightSurvey(artifact, tuple(files.sets), files.sorted_unread)


def _joined_files(
    artifact: Artifact,
    reading: Reading[FileTensors],
    progress: ProgressSink | None,
    *,
    identified: bool,
) -> "_Files":
    """Find the sets of weights; `identified` says that the reading holds BLAKE3 of every file."""
    paths = [file.path for file in reading.files]
    files = _Files(
        dict(zip(paths, reading.inspections, strict=True)),
        {file.path: file.size for file in reading.files},
    )
    files.place()
    known = {file.path: file.blake3 for file in reading.files} if identified else None
    files.join(ExternalDigests.read(artifact, files.elsewhere(), known, progress))
    return files


@dataclass(slots=True)
class _Files:
    """The files of one artifact on their way to sets of weights."""

    found: Mapping[str, FileTensors]
    sizes: Mapping[str, int]
    placed: dict[str, list[tuple[str, ExternalTensor]]] = field(default_factory=dict)
    sets: list[WeightSet] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    @property
    def sorted_unread(self) -> tuple[Unread, ...]:
        """What could not be read, by path."""
        return tuple(sorted(self.unread, key=lambda one: one.path))

    def place(self) -> None:
        """Find where external data lie, and note the files that can't be read."""
        for path, one in self.found.items():
            try:
                if one.error:
                    raise one.error
                self.placed[path] = beside(path, one.external, self.sizes)
            except WeightmarkError as error:
                self.unread.append(Unread(path, error))

    def elsewhere(self) -> Iterator[tuple[str, ExternalTensor]]:
        """Yield every tensor that lies in another file, with that file."""
        for placed in self.placed.values():
            yield from placed

    def join(self, external: ExternalDigests) -> None:
        """Make the sets: one of each index that tells the truth, and one of each file that none joined."""
        joined: set[str] = set()
        for path in sorted(self.placed):
            index = self.found[path].index
            if index is not None and self._take(path, partial(self._joined, index=index)):
                joined.update(self.sets[-1].files)
        for path in sorted(self.placed):
            one = self.found[path]
            if one.format and one.index is None and path not in joined:
                self._take(path, partial(self._single, external=external))
        self.sets.sort(key=lambda made: made.path)

    def _take(self, path: str, make: Callable[[str], WeightSet]) -> bool:
        """Make the set at `path`; tell whether there is one now, and note why not."""
        try:
            self.sets.append(make(path))
        except WeightmarkError as error:
            self.unread.append(Unread(path, error))
            return False
        return True

    def _single(self, path: str, external: ExternalDigests) -> WeightSet:
        one, placed = self.found[path], self.placed[path]
        entries = list(one.entries)
        firsts: dict[tuple[str, int, str, tuple[int, ...]], str] = {}
        for target, tensor in placed:
            place = (target, tensor.offset, tensor.dtype, tensor.shape)
            first = firsts.setdefault(place, tensor.name)
            alias = first if first != tensor.name else ""
            entries.append(replace(external.entry(target, tensor), alias_of=alias))
        others = {target for target, _ in placed}
        files = (path, *sorted(others))
        return WeightSet(path, one.format, files, TensorTable.of(entries), one.others)

    def _joined(self, path: str, index: Mapping[str, str]) -> WeightSet:
        """Join the shards of an index; raises `MalformedError` unless it names exactly what they hold."""
        said = {name: _beside(path, shard) for name, shard in index.items()}
        shards = tuple(sorted(set(said.values())))
        entries: list[TensorEntry] = []
        for shard in shards:
            held = self._shard(shard)
            for one in held.entries:
                if said.get(one.name) != shard:
                    raise MalformedError(
                        f"{shown_key(one.name)} stands in `{escape_path(shard)}`, and the index does not say so"
                    )
            entries += held.entries
        missing = said.keys() - {one.name for one in entries}
        if missing:
            raise MalformedError(f"the index names {shown_key(min(missing))}, which no shard holds")
        formats = {self.found[shard].format for shard in shards}
        beside_them = sum(self.found[shard].others for shard in shards)
        table = TensorTable.of(entries)
        return WeightSet(path, "+".join(sorted(formats)), shards, table, beside_them)

    def _shard(self, path: str) -> FileTensors:
        if path not in self.found:
            raise UncheckedError(
                f"the shard `{escape_path(path)}` is missing", fix="name the folder that holds it"
            )
        held = self.found[path]
        if held.error or not held.format or held.index is not None or held.external:
            raise UncheckedError(f"the shard `{escape_path(path)}` could not be read")
        return held


def _beside(path: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
