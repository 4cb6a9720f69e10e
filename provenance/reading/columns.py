"""Columns: the digests that one read can compute for every file."""

import hashlib
from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from weightmark.provenance.reading.interface import BlockSink

__all__ = ["DIGEST_SIZES", "Column", "Digest", "digest_function", "new_digest"]


class Column(StrEnum):
    """A digest that a reading computes for every file."""

    BLAKE2B = "blake2b"
    BLAKE3 = "blake3"
    SHA256 = "sha256"

    __hash__ = str.__hash__


DIGEST_SIZES = MappingProxyType({Column.BLAKE2B: 64, Column.BLAKE3: 32, Column.SHA256: 32})
"""bytes of each digest"""


class Digest(BlockSink, Protocol):
    """A digest that is being computed."""

    def hexdigest(self) -> str:
        """Return the digest of all blocks so far, lowercase hex."""
        ...


def digest_function(column: Column) -> Callable[[bytes], bytes]:
    """Return the function that hashes bytes that are there as a whole."""
    if column is Column.BLAKE3:
        from blake3 import blake3

        return lambda data: blake3(data).digest()
    function = hashlib.sha256 if column is Column.SHA256 else hashlib.blake2b
    return lambda data: function(data).digest()


def new_digest(column: Column, *, all_cores: bool = False) -> Digest:
    """Begin a digest; `all_cores` lets BLAKE3 spread one large file over them."""
    if column is Column.BLAKE3:
        from blake3 import blake3

        return blake3(max_threads=blake3.AUTO if all_cores else 1)
    return hashlib.sha256() if column is Column.SHA256 else hashlib.blake2b()
