"""Zarr metadata, as Orbax and other array stores write it: which codecs read the chunks.

Source: Zarr specification, versions 2 and 3; numcodecs `Pickle`.
"""

from typing import Final

from weightmark.errors import MalformedError
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.repository.documents import Field, parse_document, walk
from weightmark.values import dataclass

__all__ = ["ZarrReader"]

_KEY = b'"zarr_format"'
_SEARCHED = 1 << 20


@dataclass(frozen=True, slots=True)
class ZarrReader:
    """Looks for codecs that unpickle."""

    name: Final[str] = "zarr"

    def read(self, place: Place, examination: Examination) -> bool:
        """Judge the codecs; see `FormatReader.read`."""
        if place.head.lstrip()[:1] != b"{" or _KEY not in place.view.read_at(0, _SEARCHED):
            return False
        limit = examination.limits.document
        if place.view.size > limit:
            raise over_limit("document", f"the zarr metadata are over {limit} bytes")
        text = place.view.read_at(0, place.view.size).decode("utf-8", "replace")
        try:
            document = parse_document(text, what="the zarr metadata")
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
