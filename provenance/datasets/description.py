"""Description: what the documents at the root of an artifact say of it, read as they were hashed."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field, replace
from typing import Self

from weightmark.errors import (
    FileChangedError,
    LimitError,
    RefusedError,
    UncheckedError,
    WeightmarkError,
    read_failure,
)
from weightmark.provenance.artifact import Artifact, Entry
from weightmark.provenance.datasets.candidates import CARD_NAME, candidates
from weightmark.provenance.datasets.card import INFO_NAME, DatasetCard
from weightmark.provenance.datasets.croissant import (
    CROISSANT_MARK,
    MAX_CROISSANT_SIZE,
    Croissant,
    Statement,
)
from weightmark.provenance.names import escape_path
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.reading.engine import ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.files import open_base
from weightmark.provenance.reading.results import FileDigests
from weightmark.provenance.reading.views import DescriptorView
from weightmark.values import dataclass

__all__ = ["DescribedFiles", "Description", "KnownDigests", "describe"]

_MOST_DOCUMENTS = 1000
_BEGINNING = 1024 * 1024
_WHITE_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class DescribedFiles:
    """A Croissant document and what its digests are worth."""

    path: str
    """where it stands"""
    croissant: Croissant | None
    """what it says; None when it can't be read"""
    statements: tuple[Statement, ...] = ()
    """each file object held against the files"""
    error: WeightmarkError | None = None
    """why it can't be read"""


@dataclass(frozen=True, slots=True)
class Description:
    """What an artifact says of itself."""

    documents: tuple[DescribedFiles, ...] = ()
    """Croissant documents at the root, by path"""
    cards: tuple[DatasetCard, ...] = ()
    """the header of `README.md`, and what `datasets` saved"""


@dataclass(frozen=True, slots=True)
class KnownDigests:
    """What an earlier read of an artifact found, as far as it went; lowercase hex by path."""

    blake3: Mapping[str, str] = field(default_factory=dict)
    """a file that has another one now has changed"""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """described files without one are read again"""

    @classmethod
    def of_files(cls, files: Iterable[FileDigests]) -> Self:
        """Take the digests that a reading gave."""
        found = tuple(files)
        return cls(
            {file.path: file.blake3 for file in found if file.blake3},
            {file.path: file.sha256 for file in found if file.sha256},
        )


_NOTHING_KNOWN = KnownDigests()


def describe(
    artifact: Artifact,
    known: KnownDigests = _NOTHING_KNOWN,
    *,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> Description:
    """Read the Croissant documents and the card of an artifact, and hold them against its files.

    Raises `ReadError`, and `FileChangedError` when a file is not what was `known`. A document that
    can't be read is part of the answer.
    """
    cards: list[DatasetCard] = []
    documents: list[DescribedFiles] = []
    for number, entry in enumerate(candidates(artifact)):
        if number == _MOST_DOCUMENTS:
            error = LimitError(f"over {_MOST_DOCUMENTS} documents stand at the root")
            documents.append(DescribedFiles(entry.path, None, error=error))
            break
        data = _content(entry, known)
        if entry.path in (CARD_NAME, INFO_NAME):
            cards += _cards(entry.path, data)
        elif entry.size > MAX_CROISSANT_SIZE:
            documents += [_oversized(entry.path)] if CROISSANT_MARK in data else []
        elif CROISSANT_MARK in data and data.lstrip(_WHITE_SPACE)[:1] in (b"{", b"["):
            documents.append(_parsed(entry.path, data))
    wanted = {path for one in documents if one.croissant for path in one.croissant.paths}
    sha256 = _sha256(artifact, wanted, known, progress, jobs)
    here = {entry.path for entry in artifact.entries}
    compared = (
        replace(one, statements=one.croissant.compare(sha256, here=here)) if one.croissant else one
        for one in documents
    )
    return Description(tuple(compared), tuple(cards))


def _content(entry: Entry, known: KnownDigests) -> bytes:
    name = escape_path(entry.path)
    with open_base(entry.base) as base:
        try:
            descriptor = base.file(entry.location)
        except OSError as error:
            raise read_failure(name, error) from error
        try:
            view = DescriptorView(descriptor, entry.size, name)
            if entry.size > MAX_CROISSANT_SIZE:
                return view.read_at(0, _BEGINNING)
            data = view.read_at(0, entry.size)
        finally:
            os.close(descriptor)
    digest = new_digest(Column.BLAKE3)
    digest.update(memoryview(data))
    if known.blake3.get(entry.path, digest.hexdigest()) != digest.hexdigest():
        raise _changed(entry.path)
    return data


def _cards(path: str, data: bytes) -> list[DatasetCard]:
    """Return the card; none for what is no sound card, which states no digests either."""
    try:
        card = DatasetCard.parse_info(data) if path == INFO_NAME else DatasetCard.parse(data)
    except (RefusedError, UncheckedError):
        return []
    return [card] if card else []


def _oversized(path: str) -> DescribedFiles:
    error = LimitError(f"the Croissant document is over {MAX_CROISSANT_SIZE} bytes")
    return DescribedFiles(path, None, error=error)


def _parsed(path: str, data: bytes) -> DescribedFiles:
    try:
        return DescribedFiles(path, Croissant.parse(data))
    except (RefusedError, UncheckedError) as error:
        return DescribedFiles(path, None, error=error)


def _sha256(
    artifact: Artifact,
    wanted: Collection[str],
    known: KnownDigests,
    progress: ProgressSink | None,
    jobs: int | None,
) -> Mapping[str, str]:
    """Return the SHA-256 of the wanted files that are there; those not known are read once more."""
    again = tuple(
        entry
        for entry in artifact.entries
        if entry.path in wanted and entry.path not in known.sha256
    )
    if not again:
        return known.sha256
    reading: Reading[None] = read_artifact(
        replace(artifact, entries=again),
        columns=(Column.BLAKE3, Column.SHA256),
        progress=progress,
        jobs=jobs,
    )
    for file in reading.files:
        if known.blake3.get(file.path, file.blake3) != file.blake3:
            raise _changed(file.path)
    return {**known.sha256, **{file.path: file.sha256 for file in reading.files}}


def _changed(path: str) -> FileChangedError:
    return FileChangedError(
        f"`{escape_path(path)}` changed while it was read",
        fix="run again when nothing writes to it",
    )
