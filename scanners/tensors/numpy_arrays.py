"""NumPy's arrays: `.npy` and `.npz`, their text headers read as data (NEP 1)."""

import ast
import re
import warnings
from typing import Any, Final

from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.npy import LONGEST_HEADER, NPY_MAGIC, NPY_PREFIX, header_place
from weightmark.scanners.tensors.interface import FileContent
from weightmark.scanners.tensors.stored import (
    StoredTensor,
    c_order_strides,
    shown_key,
)
from weightmark.scanners.tensors.torch_checkpoints import Members
from weightmark.values import dataclass

__all__ = ["NPY_MAGIC", "NumpyTensors", "archive_tensors", "array_tensor"]

_KINDS = {
    "b1": "BOOL",
    "i1": "I8",
    "i2": "I16",
    "i4": "I32",
    "i8": "I64",
    "u1": "U8",
    "u2": "U16",
    "u4": "U32",
    "u8": "U64",
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "c8": "C64",
}
_DESCRIPTOR = re.compile(r"([<>|=])([biufc]\d)")
_FIELDS = {"descr", "fortran_order", "shape"}


@dataclass(frozen=True, slots=True)
class NumpyTensors:
    """Reads a single array, which is called `arr_0` as an archive of NumPy's would call it."""

    name: Final[str] = "npy"

    def recognises(self, head: bytes) -> bool:
        """Tell the magic bytes."""
        return head.startswith(NPY_MAGIC)

    def read(self, view: ByteView) -> FileContent:
        """Return the array; see `TensorReader.read`."""
        return FileContent((array_tensor("arr_0", view),))


def archive_tensors(members: Members) -> list[StoredTensor]:
    """Return the arrays of an npz, by the names of its members without `.npy`.

    Raises `MalformedError` where NumPy would give one array for the name of another: it takes the
    member of just that name first (`numpy/lib/_npyio_impl.py`, `NpzFile.__getitem__`).
    """
    for name in members:
        other = name.removesuffix(".npy")
        if other != name and other in members:
            raise MalformedError(
                f"both {shown_key(name)} and {shown_key(other)} are members of the archive",
                why="NumPy looks up names with and without `.npy`, so one would hide the other",
            )
    return [array_tensor(name.removesuffix(".npy"), view) for name, view in sorted(members.items())]


def array_tensor(name: str, view: ByteView) -> StoredTensor:
    """Return the array of an npy file; raises `UnsupportedError` for objects and unknown types."""
    head = view.read_at(0, NPY_PREFIX)
    if not head.startswith(NPY_MAGIC) or len(head) < NPY_PREFIX:
        raise UnsupportedError(f"{shown_key(name)} is no npy array")
    length, start = header_place(head)
    if length > LONGEST_HEADER or start + length > view.size:
        raise UnsupportedError(f"{shown_key(name)}: the npy header is too long")
    fields = _fields(name, view.read_at(start, length))
    data = Slice(view, start + length, view.size - start - length)
    return _tensor(name, fields, data)


def _fields(name: str, header: bytes) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fields = ast.literal_eval(header.decode("utf-8").strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError) as error:
        raise UnsupportedError(f"{shown_key(name)}: the npy header is not understood") from error
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        raise UnsupportedError(f"{shown_key(name)}: the npy header is not understood")
    return fields


def _tensor(name: str, fields: dict[str, Any], data: ByteView) -> StoredTensor:
    found = _DESCRIPTOR.fullmatch(fields["descr"]) if isinstance(fields["descr"], str) else None
    dtype = _KINDS.get(found[2], "") if found else ""
    if not found or not dtype:
        raise UnsupportedError(
            f"{shown_key(name)} is an array of `{str(fields['descr'])[:80]}`",
            why="safetensors holds plain numbers only",
        )
    shape = fields["shape"]
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise UnsupportedError(f"{shown_key(name)}: the shape of the array is not understood")
    swapped = found[1] == ">"
    if swapped and dtype == "C64":
        raise UnsupportedError(f"{shown_key(name)}: complex numbers are stored big-endian")
    strides = c_order_strides(shape)
    if fields["fortran_order"] is True:
        strides = c_order_strides(shape[::-1])[::-1]
    elif fields["fortran_order"] is not False:
        raise UnsupportedError(f"{shown_key(name)}: the npy header is not understood")
    return StoredTensor.checked(StoredTensor(name, dtype, shape, strides, 0, data, swapped))
