"""torch tensors over checked bytes."""

import sys
from typing import Any, Final

from weightmark.attestations.loading.arrays.shapes import refused_shapes
from weightmark.attestations.loading.private_memory import Memory
from weightmark.errors import UnsupportedError
from weightmark.values import dataclass

__all__ = ["TorchForm"]

_TYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "U16": "uint16",
    "I16": "int16",
    "F16": "float16",
    "BF16": "bfloat16",
    "U32": "uint32",
    "I32": "int32",
    "F32": "float32",
    "U64": "uint64",
    "I64": "int64",
    "F64": "float64",
    "C64": "complex64",
}


@dataclass(frozen=True, slots=True)
class TorchForm:
    """Makes CPU tensors that own their memory."""

    module: Any
    """the module `torch`"""
    name: Final[str] = "torch"

    def make(self, dtype: str, shape: tuple[int, ...], data: Memory) -> Any:
        """Return a tensor; see `ArrayForm.make`."""
        kind = getattr(self.module, _TYPES.get(dtype, ""), None)
        if kind is None or sys.byteorder != "little":
            raise UnsupportedError(
                f"torch has no type `{dtype[:40]}` here", fix='ask for `framework="bytes"`'
            )
        with refused_shapes(self.name, shape):
            if not data:
                return self.module.empty(shape, dtype=kind)
            return self.module.frombuffer(data, dtype=kind).reshape(shape)
