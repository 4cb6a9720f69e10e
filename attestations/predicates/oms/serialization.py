"""How an OMS signature turns files into digests: whole or in shards, by which hash, what it leaves out."""

from dataclasses import field
from enum import StrEnum
from typing import Any, Self

from weightmark.errors import CallError, LimitError, MalformedError
from weightmark.provenance.reading.columns import Column
from weightmark.provenance.reading.shards import Sharding
from weightmark.values import dataclass

__all__ = ["DEFAULT_SHARD_SIZE", "Method", "Serialization"]

DEFAULT_SHARD_SIZE = 1_000_000_000
"""bytes; as the reference cuts"""
_KNOWN = frozenset({"method", "hash_type", "allow_symlinks", "shard_size", "ignore_paths"})
_MAX_SHARD_SIZE = 2**53
_MAX_IGNORES = 10_000


class Method(StrEnum):
    """What one resource of an OMS signature stands for (OMS v1.0 §6.1)."""

    FILES = "files"
    """a whole file"""
    SHARDS = "shards"
    """a range of a file"""


@dataclass(frozen=True, slots=True)
class Serialization:
    """The field `serialization` of an OMS signature."""

    method: Method = Method.FILES
    """what a resource stands for"""
    algorithm: Column = Column.SHA256
    """hash of the resources"""
    shard_size: int = 0
    """bytes a shard; 0 for whole files"""
    allow_symlinks: bool = False
    """whether the signer followed links"""
    ignore_paths: tuple[str, ...] = ()
    """what the signer left out, sorted"""
    notices: tuple[str, ...] = field(default=(), compare=False)
    """what is unusual about the form"""

    @classmethod
    def of(cls, method: str = "files", algorithm: str = "sha256", shard_size: int = 0) -> Self:
        """Choose a form to sign in; raises `CallError` for words that mean nothing together."""
        if method not in set(Method) or algorithm not in set(Column):
            raise CallError(
                f"`{method}` with `{algorithm}` is no form of a model signature",
                fix="use `files` or `shards` with `sha256`, `blake2b` or `blake3`",
            )
        if shard_size and method == Method.FILES:
            raise CallError(
                "whole files have no shard size", fix="add `--oms-method shards`, or leave it out"
            )
        if not 0 <= shard_size <= _MAX_SHARD_SIZE:
            raise CallError(f"{shard_size} is no size of a shard", fix="name a number of bytes")
        size = shard_size or DEFAULT_SHARD_SIZE if method == Method.SHARDS else 0
        return cls(Method(method), Column(algorithm), size)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the JSON form; unknown fields are left aside with a notice.

        Raises `MalformedError`, and `LimitError` for more ignored paths than anybody needs.
        """
        if not isinstance(value, dict):
            raise MalformedError("the model signature does not say how it was serialized")
        method, algorithm = value.get("method"), value.get("hash_type")
        if not isinstance(method, str) or method not in set(Method):
            raise MalformedError("the model signature has an unknown method")
        if not isinstance(algorithm, str) or algorithm not in set(Column):
            raise MalformedError("the model signature has an unknown hash")
        links = value.get("allow_symlinks", False)
        if not isinstance(links, bool):
            raise MalformedError("`allow_symlinks` of the model signature is not true or false")
        size, notices = _parse_shard_size(value, Method(method))
        unknown = sorted(value.keys() - _KNOWN)
        if unknown:
            named = ", ".join(f"`{name[:80]}`" for name in unknown[:5])
            notices.append(f"fields of the serialization that mean nothing here: {named}")
        ignores = _parse_ignores(value.get("ignore_paths", []))
        return cls(Method(method), Column(algorithm), size, links, ignores, tuple(notices))

    @property
    def sharding(self) -> Sharding | None:
        """How files are cut; None for whole files."""
        if self.method is Method.FILES:
            return None
        return Sharding(self.algorithm, self.shard_size)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of the specification."""
        fields: dict[str, Any] = {"method": self.method.value, "hash_type": self.algorithm.value}
        if self.method is Method.SHARDS:
            fields["shard_size"] = self.shard_size
        return {
            **fields,
            "allow_symlinks": self.allow_symlinks,
            "ignore_paths": list(self.ignore_paths),
        }


def _parse_shard_size(value: dict[str, Any], method: Method) -> tuple[int, list[str]]:
    """Return bytes a shard; the reference writes a float."""
    if method is Method.FILES:
        odd = "shard_size" in value
        return 0, ["a shard size beside whole files means nothing"] if odd else []
    size = value.get("shard_size")
    if isinstance(size, float) and size.is_integer() and size <= _MAX_SHARD_SIZE:
        size = int(size)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= _MAX_SHARD_SIZE:
        raise MalformedError("the model signature does not say how large its shards are")
    return size, []


def _parse_ignores(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) and path for path in value):
        raise MalformedError("the ignored paths of the model signature are not a list of names")
    if len(value) > _MAX_IGNORES:
        raise LimitError(
            f"the model signature ignores over {_MAX_IGNORES} paths",
            fix="ask the signer for a signature that names folders",
        )
    return tuple(sorted(set(value)))
