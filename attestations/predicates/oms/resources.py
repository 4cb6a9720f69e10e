"""The resources of an OMS signature: one for a file, or one for each range of a file."""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from weightmark.attestations.predicates.oms.serialization import Method, Serialization
from weightmark.errors import LimitError, MalformedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.foreign_digests import sharded_digest
from weightmark.provenance.names import are_plain, path_problem
from weightmark.provenance.reading.columns import DIGEST_SIZES
from weightmark.values import dataclass

__all__ = ["MAX_RESOURCES", "Shard", "fold_resources", "parse_resources", "shard_names"]

MAX_RESOURCES = 1_000_000
"""resources of one signature"""
_FIELDS = itemgetter("name", "digest", "algorithm")
_HEX = lazy_pattern(r"[0-9a-f]+")
_OFFSET = lazy_pattern(r"0|[1-9][0-9]{0,15}")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of a file, named `path:start:end`."""

    path: str
    """of the file"""
    start: int
    """first byte"""
    end: int
    """the byte after the last"""
    digest: str
    """lowercase hex"""


def parse_resources(resources: object, how: Serialization) -> dict[str, str]:
    """Return resource name to digest, in document order.

    Raises `MalformedError` for a doubled or non-canonical name, another algorithm than the
    signature's, or a digest of another form; `LimitError` for over `MAX_RESOURCES`.
    """
    if not isinstance(resources, list) or not resources:
        raise MalformedError("the model signature lists no files")
    if len(resources) > MAX_RESOURCES:
        raise LimitError(
            f"the model signature lists over {MAX_RESOURCES} resources",
            fix="ask the signer for larger shards",
        )
    algorithms = {how.algorithm.value}
    if how.method is Method.SHARDS:
        algorithms.add(f"{how.algorithm.value}-sharded-{how.shard_size}")
    digits = 2 * DIGEST_SIZES[how.algorithm]
    found = _parse_sound(resources, algorithms, digits)
    if found is not None:
        return found
    found = {}
    for value in resources:
        name, digest = _parse_resource(value, algorithms, digits)
        if name in found:
            raise MalformedError(
                f"the resource `{name[:_SHOWN]}` stands twice in the model signature"
            )
        found[name] = digest
    return found


def _parse_sound(resources: list[Any], algorithms: set[str], digits: int) -> dict[str, str] | None:
    """Read all resources at once where nothing is wrong with any; None leaves it open."""
    try:
        names, digests, said = zip(*map(_FIELDS, resources), strict=True)
        hexed = "".join(digests)
        sound = set(said) <= algorithms and set(map(len, digests)) == {digits} and are_plain(names)
    except (KeyError, TypeError):
        return None
    found = dict(zip(names, digests, strict=True))
    return found if sound and len(found) == len(names) and _HEX.fullmatch(hexed) else None


def _parse_resource(value: Any, algorithms: set[str], digits: int) -> tuple[str, str]:
    if not isinstance(value, dict):
        raise MalformedError("a resource of the model signature is not a JSON object")
    name, digest, algorithm = value.get("name"), value.get("digest"), value.get("algorithm")
    if not isinstance(name, str) or path_problem(name):
        raise MalformedError(
            f"the resource name `{str(name)[:_SHOWN]}` of the model signature is not canonical"
        )
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise MalformedError(
            f"the resource `{name[:_SHOWN]}` has another algorithm than the model signature"
        )
    if not isinstance(digest, str) or len(digest) != digits or not _HEX.fullmatch(digest):
        raise MalformedError(
            f"the digest of the resource `{name[:_SHOWN]}` is not {digits} lowercase hex digits"
        )
    return name, digest


def fold_resources(resources: dict[str, str], how: Serialization) -> dict[str, str]:
    """Return path to what its content is compared with; raises `MalformedError` for shards with gaps."""
    if how.method is Method.FILES:
        return resources
    ranges: dict[str, list[Shard]] = {}
    for name, digest in resources.items():
        shard = _parse_shard(name, digest)
        ranges.setdefault(shard.path, []).append(shard)
    return {path: _join(path, shards, how.shard_size) for path, shards in ranges.items()}


def _parse_shard(name: str, digest: str) -> Shard:
    """Split a name at its last two colons, because a path may hold others."""
    parts = name.rsplit(":", 2)
    if len(parts) != 3 or not _OFFSET.fullmatch(parts[1]) or not _OFFSET.fullmatch(parts[2]):  # noqa: PLR2004 - path, start, end
        raise MalformedError(f"the resource `{name[:_SHOWN]}` is not named `path:start:end`")
    if path_problem(parts[0]):
        raise MalformedError(f"the path of the resource `{name[:_SHOWN]}` is not canonical")
    return Shard(parts[0], int(parts[1]), int(parts[2]), digest)


def _join(path: str, shards: Iterable[Shard], size: int) -> str:
    ordered = sorted(shards, key=lambda shard: shard.start)
    last = ordered[-1]
    for number, shard in enumerate(ordered):
        full = shard.end - shard.start == size
        if shard.start != number * size or not (
            full or (shard is last and 0 < shard.end - shard.start < size)
        ):
            raise MalformedError(
                f"the shards of `{path[:_SHOWN]}` do not cover the file",
                why=f"each begins where the one before ends, {size} bytes later",
            )
    return sharded_digest(last.end, (shard.digest for shard in ordered))


def shard_names(path: str, length: int, size: int) -> Iterator[str]:
    """Yield the names of the shards of a file of `length` bytes; an empty file has none."""
    for start in range(0, length, size):
        yield f"{path}:{start}:{min(start + size, length)}"
