"""numpy arrays over checked bytes."""

from typing import Any, Final

from weightmark.attestations.loading.arrays.shapes import refused_shapes
from weightmark.attestations.loading.private_memory import Memory
from weightmark.errors import UnsupportedError
from weightmark.values import dataclass

__all__ = ["NumpyForm"]

_TYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
    "C64": "<c8",
}


@dataclass(frozen=True, slots=True)
class NumpyForm:
    """Makes writable arrays that own their memory."""

    module: Any
    """the module `numpy`"""
    name: Final[str] = "numpy"

    def make(self, dtype: str, shape: tuple[int, ...], data: Memory) -> Any:
        """Return an array; see `ArrayForm.make`."""
        code = _TYPES.get(dtype)
        if code is None:
            raise UnsupportedError(
                f"numpy has no type `{dtype[:40]}`",
                fix='ask for `framework="torch"` or `framework="bytes"`',
            )
        with refused_shapes(self.name, shape):
            return self.module.ndarray(shape, dtype=code, buffer=data)
