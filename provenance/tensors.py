"""Tensor tables: what the weights of a model are, whatever file format holds them.

Bytes are those of the tensor in C order, little-endian, without gaps; data types have the names of
the safetensors format. Two digests: `weights` binds names, types, shapes and bytes, `values` leaves
the names out and counts equal tensors once.
"""

import hashlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Self

from weightmark.errors import MalformedError
from weightmark.provenance.names import escape_path
from weightmark.values import dataclass

__all__ = ["ITEM_SIZES", "TensorEntry", "TensorTable"]

ITEM_SIZES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E8M0": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2FNUZ": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
    "C64": 8,
}
"""bytes of one item of each data type"""


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor under one name."""

    name: str
    """its key"""
    dtype: str
    """a key of `ITEM_SIZES`, or another name that the format knows"""
    shape: tuple[int, ...]
    """dimensions; empty for a single number"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex over the C-order little-endian bytes"""
    alias_of: str = ""
    """the first name of the very same stored bytes; empty for that one itself. No digest binds it"""

    @property
    def type_and_shape(self) -> str:
        """Type and dimensions, as `F32 2x3`."""
        return f"{self.dtype} {'x'.join(map(str, self.shape)) or 'scalar'}"

    @property
    def value_line(self) -> str:
        """Digest, type and shape as they stand in canonical bytes."""
        return f"{self.blake3} {self.type_and_shape}"


@dataclass(frozen=True, slots=True)
class TensorTable:
    """All tensors of a model, sorted by the UTF-8 bytes of their names."""

    entries: tuple[TensorEntry, ...]
    """one an entry"""

    @classmethod
    def of(cls, entries: Iterable[TensorEntry]) -> Self:
        """Sort entries into a table; raises `MalformedError` when two have one name."""
        ordered = sorted(entries, key=lambda entry: entry.name.encode("utf-8", "surrogatepass"))
        for first, second in pairwise(ordered):
            if first.name == second.name:
                raise MalformedError(f"two tensors are called `{first.name}`")
        return cls(tuple(ordered))

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self.entries)

    @property
    def size(self) -> int:
        """Bytes of all names together, shared ones counted for each name."""
        return sum(one.size for one in self.entries)

    @property
    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Names that share stored bytes, by the first of them; those that share none are left out."""
        shared: dict[str, list[str]] = {}
        for one in self.entries:
            if one.alias_of:
                shared.setdefault(one.alias_of, []).append(one.name)
        return {first: tuple(others) for first, others in shared.items()}

    @property
    def weights(self) -> str:
        """`sha256:<hex>` over names, types, shapes and bytes."""
        lines = [f"{one.value_line} {escape_path(one.name)}" for one in self.entries]
        return _digest("weightmark-weights/v1", lines)

    @property
    def values(self) -> str:
        """`sha256:<hex>` over the distinct types, shapes and bytes, without names."""
        return _digest("weightmark-values/v1", sorted({one.value_line for one in self.entries}))


def _digest(title: str, lines: Iterable[str]) -> str:
    text = "".join(f"{line}\n" for line in [title, *lines])
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
