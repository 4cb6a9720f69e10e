"""NumPy's `.npy`: a text header, then raw data, or a pickle where the type is `object`."""

import re
from ast import literal_eval
from math import prod
from typing import Final

from weightmark.errors import UnsupportedError
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.pickled import PickleReader
from weightmark.scanners.formats.trailing import look_behind
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
_KEYS = frozenset({"descr", "fortran_order", "shape"})
_MOST_DIMENSIONS = 64
_FIELD = 2
_PLAIN = re.compile(r"[<|>=]?([biufcSUVmM])(\d{1,9})(?:\[\w+\])?", re.ASCII)
"""a plain type; the letter and how many of its units one item has"""
_LONG = re.compile(rb"(\d)L(?=[,)])")
"""numbers as Python 2 wrote them"""
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
    if _OBJECT.search(header):
        return
    wanted = _wanted(header)
    if wanted is None:
        examination.problem("the npy header does not tell the size of the array", place)
    elif wanted > data.size:
        text = f"the npy array needs {wanted} bytes, and {data.size} are there"
        examination.problem(text[:_LONGEST_TEXT], place)
    elif wanted < data.size:
        _look_behind(wanted, data, place, examination)


def _look_behind(wanted: int, data: Slice, place: Place, examination: Examination) -> None:
    rest = Slice(data, wanted, data.size - wanted)
    if not rest.read_at(0, len(NPY_MAGIC)).startswith(NPY_MAGIC):
        detail = f"{rest.size} bytes"
        examination.find("NPY002", place, offset=place.view.size - rest.size, detail=detail)
    look_behind(place, place.view.size - rest.size, examination)


def _wanted(header: bytes) -> int | None:
    """Return how many bytes the array takes; None where the header does not say so."""
    try:
        said = literal_eval(_LONG.sub(rb"\1", header).decode("latin-1").strip())
        shape = said["shape"]
        if set(said) != _KEYS or not isinstance(shape, tuple) or len(shape) > _MOST_DIMENSIONS:
            return None
        if not all(type(side) is int and side >= 0 for side in shape):
            return None
        width = _width(said["descr"])
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        return None
    return None if width is None else width * prod(shape)


def _width(described: object) -> int | None:
    """Return the bytes of one item: of a plain type, or of all the fields of a record."""
    if isinstance(described, str):
        found = _PLAIN.fullmatch(described)
        return int(found[2]) * (_LETTER if found[1] == "U" else 1) if found else None
    if not isinstance(described, list):
        return None
    total = 0
    for part in described:
        if not isinstance(part, tuple) or len(part) not in (_FIELD, _FIELD + 1):
            return None
        width = _width(part[1])
        sides = part[2] if len(part) > _FIELD else ()
        sides = sides if isinstance(sides, tuple) else (sides,)
        if width is None or not all(type(side) is int and side >= 0 for side in sides):
            return None
        total += width * prod(sides)
    return total


def header_place(head: bytes) -> tuple[int, int]:
    """Return the length of the header and where it begins (NEP 1)."""
    width = 2 if head[len(NPY_MAGIC)] == 1 else 4
    start = len(NPY_MAGIC) + 2
    return int.from_bytes(head[start : start + width], "little"), start + width
