"""From tensors to the table of their digests."""

from collections.abc import Iterable

from weightmark.errors import LimitError
from weightmark.provenance.reading.columns import Column, new_digest
from weightmark.provenance.tensors import TensorEntry, TensorTable
from weightmark.scanners.limits import MEBIBYTE, Budget, Limits
from weightmark.scanners.tensors.interface import TensorSource

__all__ = ["entries_of", "table_of"]

_MOST_WORK = 64
"""how many times the bytes of a file may be hashed because views of them differ"""


def entries_of(tensors: Iterable[TensorSource], stored: int | None = None) -> list[TensorEntry]:
    """Read every tensor, each stored one once.

    `stored` is the size of the file, of which the tensors may be views: their sizes together are
    bounded by it. Raises `UncheckedError` where bytes end early, and `LimitError`.
    """
    budget = Budget(Limits.default())
    known: dict[object, tuple[str, str]] = {}
    entries: list[TensorEntry] = []
    done = 0
    for tensor in tensors:
        if tensor.place not in known:
            done += tensor.size
            _require_bounded(done, stored)
            known[tensor.place] = (_digest(tensor, budget), tensor.name)
        hexdigest, first = known[tensor.place]
        alias = first if first != tensor.name else ""
        entries.append(
            TensorEntry(tensor.name, tensor.dtype, tensor.shape, tensor.size, hexdigest, alias)
        )
    return entries


def table_of(tensors: Iterable[TensorSource]) -> TensorTable:
    """Read every tensor and return the table; raises `UncheckedError` and `MalformedError`."""
    return TensorTable.of(entries_of(tensors))


def _digest(tensor: TensorSource, budget: Budget) -> str:
    digest = new_digest(Column.BLAKE3, all_cores=tensor.size > MEBIBYTE)
    for block in tensor.blocks():
        digest.update(memoryview(block))
        budget.check_time()
    return digest.hexdigest()


def _require_bounded(done: int, stored: int | None) -> None:
    if stored is not None and done > _MOST_WORK * (stored + MEBIBYTE):
        raise LimitError(
            f"the tensors are over {_MOST_WORK} times as large as the file",
            why="many of them are views of the same bytes",
        )
