"""NumPy's `.npy`: a text header, then raw data, or a pickle where the type is `object`."""

import re
from math import prod
from typing import Final

from weightmark.errors import UnsupportedError
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.pickled import PickleReader
from weightmark.values import dataclass

__all__ = ["LONGEST_HEADER", "NPY_MAGIC", "NPY_PREFIX", "NpyReader", "header_place"]

NPY_MAGIC = b"\x93NUMPY"
NPY_PREFIX = len(NPY_MAGIC) + 6
"""bytes before the header of the newest version"""
LONGEST_HEADER = 64 * 1024
"""bytes of a header that is read"""
_LONGEST_TEXT = 200
_LETTER = 4
"""bytes of a letter of NumPy's texts"""
_PLAIN = re.compile(
    rb"\{'descr': '[<>|=]?([biufcSUVmM])(\d{1,9})(?:\[\w+\])?', 'fortran_order': (?:True|False), "
    rb"'shape': \(((?:\d{1,19}, ?){0,64}(?:\d{1,19})?)\),? ?\}\s*"
)
"""the header as NumPy writes it for arrays of one plain type"""
_OBJECT = re.compile(rb"""['"][|<>=]?O\d*['"]""")


@dataclass(frozen=True, slots=True)
class NpyReader:
    """Reads the header; the data only where it is a pickle."""

    name: Final[str] = "npy"

    def read(self, place: Place, examination: Examination) -> bool:
        """Look for Python objects; see `FormatReader.read`."""
        if not place.head.startswith(NPY_MAGIC) or len(place.head) < NPY_PREFIX:
            return False
        size, start = header_place(place.head)
        if size > LONGEST_HEADER:
            raise UnsupportedError(f"the npy header is over {LONGEST_HEADER} bytes")
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
        if not is_pickle:
            _check_size(header, data, place, examination)
        return True


def _check_size(header: bytes, data: Slice, place: Place, examination: Examination) -> None:
    """Compare the data with what the shape asks for; what follows is looked at by itself."""
    found = _PLAIN.fullmatch(header)
    if not found:
        return
    width = int(found[2]) * (_LETTER if found[1] == b"U" else 1)
    wanted = width * prod(map(int, filter(None, found[3].replace(b" ", b"").split(b","))))
    if wanted > data.size:
        text = f"the npy array needs {wanted} bytes, and {data.size} are there"
        examination.problem(text[:_LONGEST_TEXT], place)
    elif wanted < data.size:
        rest = Slice(data, wanted, data.size - wanted)
        if not rest.read_at(0, len(NPY_MAGIC)).startswith(NPY_MAGIC):
            detail = f"{rest.size} bytes"
            examination.find("NPY002", place, offset=place.view.size - rest.size, detail=detail)
        examination.look(place.inside("trailing", rest))


def header_place(head: bytes) -> tuple[int, int]:
    """Return the length of the header and where it begins (NEP 1)."""
    width = 2 if head[len(NPY_MAGIC)] == 1 else 4
    start = len(NPY_MAGIC) + 2
    return int.from_bytes(head[start : start + width], "little"), start + width
