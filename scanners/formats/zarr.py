"""Zarr metadata, as Orbax and other array stores write it: which codecs read the chunks.

Source: Zarr specification, versions 2 and 3; numcodecs `Pickle`.
"""

from typing import Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.documents import Field, decode_json, parse_document, walk
from weightmark.scanners.repository.paths import base_name
from weightmark.values import dataclass

__all__ = ["ZarrReader"]

_KEY = b'"zarr_format"'
_NAMES = frozenset({".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"})
"""names by which the library finds its metadata"""
_BEFORE = b" \t\r\n\xef\xbb\xbf\xff\xfe\0"
_SEARCHED = 1 << 20


@dataclass(frozen=True, slots=True)
class ZarrReader:
    """Looks for codecs that unpickle."""

    name: Final[str] = "zarr"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge the codecs; see `FormatReader.read`."""
        if not place.head.lstrip(_BEFORE).startswith(b"{"):
            return False
        named = base_name(place.member or examination.path) in _NAMES
        if not named and _KEY not in place.view.read_at(0, _SEARCHED).replace(b"\0", b""):
            return False
        limit = examination.limits.document
        if place.view.size > limit:
            raise over_limit("document", f"the zarr metadata are over {limit} bytes")
        text = decode_json(place.view.read_at(0, place.view.size))
        try:
            document = parse_document(
                text, what="the zarr metadata", nesting=examination.limits.nesting
            )
        except MalformedError:
            return False
        for field in walk(document):
            if _unpickles(field):
                examination.find("ZAR001", place, detail=f"`{field.pointer}`: {field.value}"[:120])
        return True


def _unpickles(field: Field) -> bool:
    """Tell whether a codec's name is that of the one which unpickles."""
    if field.key not in ("id", "name") or not isinstance(field.value, str):
        return False
    return field.value.rpartition(".")[2].lower() == "pickle"
