"""Indexes of sharded models: a JSON document that names the file of each tensor.

Source: huggingface_hub, `serialization/_torch.py`: `{"metadata": {…}, "weight_map": {name: file}}`.
"""

from typing import Final

from weightmark.errors import MalformedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.strict_json import parse_object
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.repository.paths import leaves
from weightmark.scanners.tensors.interface import ShardIndex
from weightmark.scanners.tensors.stored import shown_key
from weightmark.values import dataclass

__all__ = ["ShardIndexReader"]

_MAP = "weight_map"
_LARGEST = 64 * MEBIBYTE
_WHITE_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class ShardIndexReader:
    """Reads an index; other JSON documents are none."""

    name: Final[str] = "index"

    def recognises(self, head: bytes) -> bool:
        """Tell a JSON object."""
        return head.lstrip(_WHITE_SPACE).startswith(b"{")

    def read(self, view: ByteView) -> ShardIndex | None:
        """Return which file holds each tensor; see `TensorReader.read`."""
        if view.size > _LARGEST:
            return None
        data = view.read_at(0, view.size)
        if b'"weight_map"' not in data:
            return None
        document = parse_object(data, what="the index", max_size=_LARGEST)
        if _MAP not in document:
            return None
        files = document[_MAP]
        if (
            not isinstance(files, dict)
            or not files
            or not all(isinstance(one, str) for one in files.values())
        ):
            raise MalformedError("the `weight_map` of the index is no map of names to files")
        for name, path in files.items():
            if not path or leaves(path):
                raise MalformedError(
                    f"the index says that {shown_key(name)} lies outside: {shown_key(path)}"
                )
        return ShardIndex(files)
