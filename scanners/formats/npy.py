"""NumPy's `.npy`: a text header, then raw data, or a pickle where the type is `object`."""

import re
from dataclasses import dataclass
from typing import Final

from weightmark.errors import UnsupportedError
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.pickled import PickleReader

__all__ = ["NpyReader"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 64 * 1024
_OBJECT = re.compile(rb"""['"][|<>=]?O\d*['"]""")


@dataclass(frozen=True, slots=True)
class NpyReader:
    """Reads the header; the data only where it is a pickle."""

    name: Final[str] = "npy"

    def read(self, place: Place, examination: Examination) -> bool:
        """Look for Python objects; see `FormatReader.read`."""
        if not place.head.startswith(_MAGIC) or len(place.head) < len(_MAGIC) + 6:
            return False
        size, start = _header(place.head)
        if size > _LONGEST_HEADER:
            raise UnsupportedError(f"the npy header is over {_LONGEST_HEADER} bytes")
        if start + size > place.view.size:
            raise UnsupportedError("the npy header reaches over the end")
        header = place.view.read_at(start, size)
        data = Slice(place.view, start + size, place.view.size - start - size)
        if _OBJECT.search(header):
            examination.find("NPY001", place, offset=start)
        inner = place.inside("data", data)
        is_pickle = PickleReader().read(inner, examination)
        if _OBJECT.search(header) and not is_pickle:
            examination.problem("the npy file holds objects, but no pickle follows", place)
        return True


def _header(head: bytes) -> tuple[int, int]:
    """Return the length of the header and where it begins (NEP 1)."""
    width = 2 if head[len(_MAGIC)] == 1 else 4
    start = len(_MAGIC) + 2
    return int.from_bytes(head[start : start + width], "little"), start + width
