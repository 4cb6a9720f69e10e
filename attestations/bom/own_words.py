"""What files of an artifact say of it: read as they were hashed, and vouched for by nobody.

A signature over a card says that these are its bytes, not that its licence is true.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from weightmark.attestations.bom.interface import Fact, Origin, Source, plain, some
from weightmark.errors import LimitError, RefusedError, UncheckedError
from weightmark.provenance.artifact import Entry
from weightmark.provenance.datasets.candidates import CARD_NAME
from weightmark.provenance.datasets.card import INFO_NAME, DatasetCard
from weightmark.provenance.identification import Identification
from weightmark.provenance.rereading import read_again
from weightmark.provenance.strict_json import parse_object

__all__ = ["own_words"]

_CONFIGURATION = "config.json"
_LARGEST = 4 * 1024 * 1024
_MOST_VALUES = 20

Said = Iterator[tuple[str, tuple[str, ...]]]
"""field and what is said of it"""


def own_words(identification: Identification) -> dict[str, tuple[Fact, ...]]:
    """Return what the card, `config.json` and `dataset_info.json` at the root say, by field.

    Raises `ReadError`, and `FileChangedError` when a file is not what was hashed. A document that can't be
    read says nothing.
    """
    blake3 = {row.path: row.blake3 for row in identification.manifest.rows}
    found: dict[str, list[Fact]] = {}
    for entry in identification.artifact.entries:
        if entry.path not in _READERS or entry.size > _LARGEST:
            continue
        source = Source(Origin.STATED, file=entry.path)
        for name, values in _said(entry, blake3[entry.path]):
            sound = some([plain(value) for value in values if value.strip()], _MOST_VALUES)
            if sound:
                found.setdefault(name, []).append(Fact(sound, source))
    return {name: tuple(facts) for name, facts in found.items()}


def _said(entry: Entry, blake3: str) -> list[tuple[str, tuple[str, ...]]]:
    try:
        data = read_again(entry, blake3, limit=_LARGEST)
    except LimitError:
        return []
    try:
        return list(_READERS[entry.path](data))
    except (RefusedError, UncheckedError):
        return []


def _card(data: bytes) -> Said:
    card = DatasetCard.parse(data)
    if card:
        yield "licenses", card.licenses
        yield "sources", card.sources


def _info(data: bytes) -> Said:
    info = DatasetCard.parse_info(data)
    yield "kind", ("dataset",)
    yield "licenses", info.licenses
    yield "sources", info.sources


def _configuration(data: bytes) -> Said:
    fields = parse_object(data, what="the configuration")
    yield "architecture", _texts(fields.get("architectures"))
    yield "architecture-family", _texts(fields.get("model_type"))


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, str))


_READERS: Mapping[str, Any] = {
    _CONFIGURATION: _configuration,
    CARD_NAME: _card,
    INFO_NAME: _info,
}
