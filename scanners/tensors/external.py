"""Tensors whose bytes stand in other files of the artifact, hashed in a second look at those files."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace

from weightmark.errors import FileChangedError, MalformedError, UncheckedError
from weightmark.provenance.artifact import Artifact
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.engine import Column, ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.tensors import TensorEntry
from weightmark.scanners.tensors.interface import ExternalTensor
from weightmark.scanners.tensors.ranges import ByteRange, RangeSink
from weightmark.scanners.tensors.stored import shown_key
from weightmark.values import dataclass

__all__ = ["ExternalDigests", "beside"]

_MOST_OVERLAP = 4


@dataclass(frozen=True, slots=True)
class ExternalDigests:
    """Digests of ranges of files, and nothing about a file that was not asked for."""

    digests: Mapping[tuple[str, ByteRange], str]
    """BLAKE3 by path and range, lowercase hex"""

    @classmethod
    def read(
        cls,
        artifact: Artifact,
        wanted: Iterable[tuple[str, ExternalTensor]],
        known: Mapping[str, str] | None,
        progress: ProgressSink | None = None,
    ) -> "ExternalDigests":
        """Read the files that `wanted` names and hash the ranges.

        `known` are the BLAKE3 digests of the files as they were read first, if they were. Raises
        `FileChangedError` when one has other bytes now.
        """
        ranges: dict[str, set[ByteRange]] = {}
        for path, tensor in wanted:
            ranges.setdefault(path, set()).add(_range(tensor))
        entries = tuple(entry for entry in artifact.entries if entry.path in ranges)
        if not entries:
            return cls({})
        reading: Reading[dict[ByteRange, str]] = read_artifact(
            replace(artifact, entries=entries),
            columns=() if known is None else (Column.BLAKE3,),
            watch=lambda path, _: _Ranges(ranges[path]),
            progress=progress,
        )
        digests: dict[tuple[str, ByteRange], str] = {}
        for file, found in zip(reading.files, reading.inspections, strict=True):
            if known is not None and file.blake3 != known[file.path]:
                raise FileChangedError(
                    f"`{escape_path(file.path)}` changed while it was read",
                    fix="run again when nothing writes to it",
                )
            digests |= {(file.path, one): digest for one, digest in found.items()}
        return cls(digests)

    def entry(self, path: str, tensor: ExternalTensor) -> TensorEntry:
        """Return the table's line for a tensor; raises `UncheckedError` where the file ends early."""
        digest = self.digests.get((path, _range(tensor)))
        if digest is None:
            raise UncheckedError(
                f"`{escape_path(path)}` ends before {shown_key(tensor.name)} does, which lies in it"
            )
        return TensorEntry(tensor.name, tensor.dtype, tensor.shape, tensor.size, digest)


def beside(
    path: str, tensors: Iterable[ExternalTensor], sizes: Mapping[str, int]
) -> list[tuple[str, ExternalTensor]]:
    """Return in which file of the artifact each tensor of the file at `path` lies.

    `sizes` are the artifact's files. Raises `UncheckedError` for a file that is not there and
    `MalformedError` for ranges that overlap without end.
    """
    found = []
    work: dict[str, int] = {}
    for tensor in tensors:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), tensor.location))
        if target not in sizes:
            raise UncheckedError(
                f"the data of {shown_key(tensor.name)} are missing: `{escape_path(target)}`",
                why="they stand in a file of their own, which is no part of the artifact",
                fix="name the folder that holds both files",
            )
        found.append((target, tensor))
        work[target] = work.get(target, 0) + tensor.size
    distinct = {(target, _range(tensor)) for target, tensor in found}
    for target in work:
        total = sum(one.end - one.start for other, one in distinct if other == target)
        if total > _MOST_OVERLAP * sizes[target]:
            raise MalformedError(f"the tensors in `{escape_path(target)}` overlap")
    return found


def _range(tensor: ExternalTensor) -> ByteRange:
    return ByteRange(tensor.offset, tensor.offset + tensor.size)


class _Ranges:
    """Watches one file."""

    looks_again = False

    def __init__(self, ranges: Iterable[ByteRange]) -> None:
        self._sink = RangeSink(ranges)

    def update(self, block: memoryview, /) -> None:
        self._sink.update(block)

    def finish(self, view: ByteView, /) -> dict[ByteRange, str]:  # noqa: ARG002 - what was seen suffices
        return self._sink.hexdigests()
