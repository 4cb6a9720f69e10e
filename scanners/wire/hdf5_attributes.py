"""The texts and byte strings in HDF5 attributes.

Source: "HDF5 File Format Specification Version 3.0", sections IV.A.2.b, IV.A.2.d and IV.A.2.m.
"""

from collections.abc import Iterator
from math import prod

from weightmark.errors import MalformedError, UnsupportedError
from weightmark.scanners.wire.hdf5_heaps import global_object
from weightmark.scanners.wire.hdf5_objects import File
from weightmark.values import dataclass

__all__ = ["Attribute", "read_attribute"]

_STRING, _OPAQUE, _VARIABLE = 3, 5, 9
_NULL_SPACE = 2
_REFERENCE = 8
_MOST_VALUES = 1_000_000


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, and its values as far as they are texts or bytes."""

    name: str
    """the name"""
    values: tuple[bytes, ...]
    """each element; none for numbers"""


def read_attribute(file: File, data: bytes) -> Attribute:
    """Read an attribute message.

    Raises `MalformedError`, and `UnsupportedError` for a data type that stands elsewhere.
    """
    if len(data) < 8:  # noqa: PLR2004 - the fixed part of every version
        raise MalformedError("an HDF5 attribute is cut off")
    version, flags = data[0], data[1]
    sizes = [int.from_bytes(data[at : at + 2], "little") for at in (2, 4, 6)]
    at = 9 if version == 3 else 8  # noqa: PLR2004 - version 3 adds the character set
    parts = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += -(-size // 8) * 8 if version == 1 else size
    name = parts[0].rstrip(b"\0").decode("utf-8", "replace")
    if version not in (1, 2, 3):
        raise UnsupportedError(f"HDF5 attribute version {version} is not read here")
    if version > 1 and flags & 3:
        raise UnsupportedError(f"the HDF5 attribute `{name}` has a data type of its own name")
    return Attribute(name, tuple(_values(file, parts[1], parts[2], data[at:])))


def _values(file: File, kind: bytes, space: bytes, data: bytes) -> Iterator[bytes]:
    if len(kind) < 8 or len(space) < 4:  # noqa: PLR2004 - the fixed parts
        raise MalformedError("an HDF5 attribute has no data type")
    group, size = kind[0] & 0xF, int.from_bytes(kind[4:8], "little")
    if group not in (_STRING, _OPAQUE, _VARIABLE):
        return
    count = _count(file, space)
    if count > _MOST_VALUES or count * size > len(data):
        raise MalformedError("an HDF5 attribute is shorter than its shape")
    file.budget.spend_fields(count)
    for index in range(count):
        value = data[index * size : (index + 1) * size]
        yield _variable(file, kind, value) if group == _VARIABLE else value


def _count(file: File, space: bytes) -> int:
    version, rank = space[0], space[1]
    if version == 2 and space[3] == _NULL_SPACE:  # noqa: PLR2004 - versions 1 and 2 exist
        return 0
    at = 4 if version == 2 else 8  # noqa: PLR2004 - versions 1 and 2 exist
    width = file.length_size
    return prod(
        int.from_bytes(space[at + width * axis : at + width * (axis + 1)], "little")
        for axis in range(rank)
    )


def _variable(file: File, kind: bytes, value: bytes) -> bytes:
    """Return the bytes that a variable-length value refers to."""
    length = int.from_bytes(value[:4], "little")
    address = int.from_bytes(value[4 : 4 + file.offset_size], "little")
    index = int.from_bytes(value[4 + file.offset_size : _REFERENCE + file.offset_size], "little")
    if not length or address in (0, file.undefined):
        return b""
    width = int.from_bytes(kind[12:16], "little") or 1
    return global_object(file, address, index)[: length * width]
