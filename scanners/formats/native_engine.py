"""Engines compiled for one device: native code, listed and not looked into."""

from typing import Final

from weightmark.scanners.formats.interface import Examination, Place
from weightmark.values import dataclass

__all__ = ["NativeEngineReader"]

_MAGIC = (
    (b"ftrt", "tensorrt"),
    (b"ptrt", "tensorrt"),
    (b"RKNN\0\0\0\0", "rknn"),
    (b"\x01HEF", "hailo"),
    (b"CPRK", "rknn"),
)


@dataclass(frozen=True, slots=True)
class NativeEngineReader:
    """Says what the file is: nobody can tell what its code does."""

    name: Final[str] = "native-engine"

    def read(self, place: Place, examination: Examination) -> bool:
        """Report an engine by its magic number; see `FormatReader.read`."""
        for magic, word in _MAGIC:
            if place.head.startswith(magic) and not _is_words(place.head):
                examination.also_read_as(word, place)
                examination.find("NAT001", place, offset=0, detail=word)
                return True
        return False


def _is_words(head: bytes) -> bool:
    return head[:64].isascii() and b"\0" not in head[:64]
