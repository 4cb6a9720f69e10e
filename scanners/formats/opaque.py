"""Archives and compressed files that loaders open, and that can't be opened here."""

from typing import Final

from weightmark.errors import UnsupportedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.values import dataclass

__all__ = ["OpaqueReader"]

_MAGIC = ((0, b"\x02\x21\x4c\x18", "lz4"),)


@dataclass(frozen=True, slots=True)
class OpaqueReader:
    """Takes what can hide a pickle from this scanner and not from a loader."""

    name: Final[str] = "opaque"

    def read(self, place: Place, examination: Examination) -> bool:
        """Say that the content was not checked; see `FormatReader.read`."""
        for offset, magic, word in _MAGIC:
            if place.head.startswith(magic, offset):
                examination.also_read_as(word, place)
                raise UnsupportedError(f"what the {word} file holds is not looked into")
        return False
