"""Description: what the documents at the root of an artifact say of it, read as they were hashed."""

import hashlib
import os
from collections.abc import Iterator

from weightmark.errors import FileChangedError, RefusedError, UncheckedError, WeightmarkError
from weightmark.provenance.artifact import Entry
from weightmark.provenance.datasets.card import CARD_NAME, MAX_CARD_SIZE, DatasetCard
from weightmark.provenance.datasets.croissant import (
    CROISSANT_MARK,
    MAX_CROISSANT_SIZE,
    Croissant,
    Statement,
)
from weightmark.provenance.identification import Identification
from weightmark.provenance.reading.files import open_base
from weightmark.provenance.reading.views import DescriptorView
from weightmark.values import dataclass

__all__ = ["DescribedFiles", "Description", "describe"]

_MOST_DOCUMENTS = 100


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

    documents: tuple[DescribedFiles, ...]
    """Croissant documents at the root, by path"""
    card: DatasetCard | None
    """the header of `README.md`"""


def describe(identification: Identification) -> Description:
    """Read Croissant documents and the card of an artifact whose SHA-256 digests are known.

    Raises `ReadError`, and `FileChangedError` when a document is not what was hashed.
    """
    found = []
    card = None
    for entry in _documents(identification):
        data = _read(entry, identification.sha256[entry.path])
        if entry.path == CARD_NAME:
            card = _card(data)
        elif CROISSANT_MARK in data and data.lstrip()[:1] == b"{":
            found.append(_described(entry.path, data, identification.sha256))
    return Description(tuple(found), card)


def _documents(identification: Identification) -> Iterator[Entry]:
    """Yield the files at the root that may be documents."""
    count = 0
    for entry in identification.artifact.entries:
        is_card = entry.path == CARD_NAME
        is_json = entry.path.endswith(".json") and entry.size <= MAX_CROISSANT_SIZE
        if "/" in entry.path or not (is_card or is_json) or count == _MOST_DOCUMENTS:
            continue
        count += 1
        yield entry


def _read(entry: Entry, sha256: str) -> bytes:
    with open_base(entry.base) as base:
        descriptor = base.file(entry.location)
        try:
            data = DescriptorView(descriptor, entry.size, entry.path).read_at(0, entry.size)
        finally:
            os.close(descriptor)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise FileChangedError(
            f"`{entry.path}` changed while it was read", fix="run again when nothing writes to it"
        )
    return data


def _card(data: bytes) -> DatasetCard | None:
    try:
        return DatasetCard.parse(data[: 2 * MAX_CARD_SIZE])
    except (RefusedError, UncheckedError):
        return None


def _described(path: str, data: bytes, sha256: dict[str, str]) -> DescribedFiles:
    try:
        croissant = Croissant.parse(data)
    except (RefusedError, UncheckedError) as error:
        return DescribedFiles(path, None, error=error)
    return DescribedFiles(path, croissant, croissant.compare(sha256))
