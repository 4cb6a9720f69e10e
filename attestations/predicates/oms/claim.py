"""The claim of a model signature: these files, with these digests."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import Any, Self

from weightmark.attestations.bundles.legacy_encoding import LEGACY_PREDICATE, refuse_legacy
from weightmark.attestations.predicates.oms.legacy import legacy_files
from weightmark.attestations.predicates.oms.resources import (
    fold_resources,
    parse_resources,
    shard_names,
)
from weightmark.attestations.predicates.oms.serialization import Method, Serialization
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.patterns import lazy_pattern
from weightmark.provenance.foreign_digests import oms_order, oms_root
from weightmark.provenance.names import are_plain
from weightmark.provenance.reading.engine import FileDigests
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES, UNSIGNED_BY_OMS
from weightmark.values import dataclass

__all__ = ["OMS_PREDICATE", "SILENT_IGNORES", "OmsClaim"]

OMS_PREDICATE = "https://model_signing/signature/v1.0"
SILENT_IGNORES = frozenset([*RESERVED_NAMES, *OUTSIDE, *UNSIGNED_BY_OMS])
"""the only recorded ignores that are followed without a word"""
_KNOWN_VERSION = lazy_pattern(r"https://model_signing/signature/v1\.(0|[1-9][0-9]{0,3})")
_OTHER_VERSION = lazy_pattern(r"https://model_signing/signature/v[0-9]{1,4}\.[0-9]{1,4}")
_RESOURCES_AT_ONCE = 4096
_FIELDS = frozenset({"resources", "serialization"})


@dataclass(frozen=True)
class OmsClaim:
    """The content of an OMS signature."""

    serialization: Serialization
    """how files became digests, and what was left out"""
    resources: dict[str, str]
    """name to lowercase digest hex, in document order; a single file has the name `.` or its own"""
    files: dict[str, str] = field(repr=False)
    """path to what its content is compared with: the digest of a whole file, or `sharded_digest`"""
    notices: tuple[str, ...] = field(default=(), compare=False)
    """what is unusual about the form"""

    @classmethod
    def from_statement(cls, statement: Statement, *, allow_legacy: bool = False) -> Self:
        """Read a verified statement.

        Raises `MalformedError` when it breaks OMS, `LimitError` when it is too large, and
        `UnsupportedError` for the v0.1 form unless `allow_legacy`, and for other major versions.
        """
        if statement.predicate_type == LEGACY_PREDICATE:
            if not allow_legacy:
                raise refuse_legacy()
            files = legacy_files(statement)
            return cls(Serialization(), files, files, ("the signature has the form of 2024",))
        notices = _version_notices(statement.predicate_type)
        how = Serialization.parse(statement.predicate.get("serialization"))
        resources = parse_resources(statement.predicate.get("resources"), how)
        if oms_root(resources.values()) != statement.subject.sha256:
            raise MalformedError("the files of the model signature do not add up to its subject")
        unknown = sorted(statement.predicate.keys() - _FIELDS)
        if unknown:
            named = ", ".join(f"`{name[:80]}`" for name in unknown[:5])
            notices.append(f"fields of the model signature that mean nothing here: {named}")
        files = fold_resources(resources, how)
        return cls(how, resources, files, (*notices, *how.notices))

    @classmethod
    def of_files(
        cls, sha256: Mapping[str, str], *, allow_symlinks: bool, ignore_paths: tuple[str, ...]
    ) -> Self:
        """Make the claim over these paths and SHA-256 digests, in OMS order."""
        how = Serialization(allow_symlinks=allow_symlinks, ignore_paths=ignore_paths)
        return cls._ordered(how, sha256)

    @classmethod
    def of_digests(cls, digests: Mapping[str, FileDigests], how: Serialization) -> Self:
        """Make the claim over these files as they were read, in OMS order; empty files have no shards."""
        if how.method is Method.FILES:
            found = {path: file.digest(how.algorithm) for path, file in digests.items()}
            return cls._ordered(how, found)
        shards = {
            name: digest
            for path, file in digests.items()
            for name, digest in zip(
                shard_names(path, file.size, how.shard_size), file.shards, strict=True
            )
        }
        return cls._ordered(how, shards)

    @classmethod
    def _ordered(cls, how: Serialization, resources: Mapping[str, str]) -> Self:
        ordered = {name: resources[name] for name in sorted(resources, key=oms_order)}
        return cls(how, ordered, fold_resources(ordered, how))

    @property
    def algorithm(self) -> str:
        """The hash of the resources: `sha256`, `blake2b` or `blake3`."""
        return self.serialization.algorithm.value

    @property
    def whole_sha256(self) -> bool:
        """Whether it lists the SHA-256 of whole files, as manifest claims do."""
        return self.serialization.method is Method.FILES and self.algorithm == "sha256"

    @property
    def allow_symlinks(self) -> bool:
        """Whether the signer followed links."""
        return self.serialization.allow_symlinks

    @property
    def ignore_paths(self) -> tuple[str, ...]:
        """What the signer left out, sorted."""
        return self.serialization.ignore_paths

    @property
    def root(self) -> str:
        """The OMS root, lowercase hex."""
        return oms_root(self.resources.values())

    def found(self, digests: Mapping[str, FileDigests]) -> dict[str, str] | None:
        """Return what was read in the form of `files`; None when it was not read so.

        Shards leave out empty files.
        """
        sharding = self.serialization.sharding
        if sharding is None:
            column = self.serialization.algorithm
            read = {path: file.digest(column) for path, file in digests.items()}
            return read if all(read.values()) else None
        if any(file.size and file.sharding != sharding for file in digests.values()):
            return None
        return {path: file.sharded_digest for path, file in digests.items() if file.size}

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form of the specification."""
        return {
            "resources": [
                {"name": name, "algorithm": self.algorithm, "digest": digest}
                for name, digest in self.resources.items()
            ],
            "serialization": self.serialization.to_json(),
        }

    def to_statement(self, name: str) -> bytes:
        """Return the bytes of a statement that holds this claim, about the artifact called `name`."""
        empty = {"resources": [], "serialization": self.serialization.to_json()}
        frame = Statement.about_digest(name, self.root, OMS_PREDICATE, empty)
        # Quotes inside of other values are escaped, so this stands nowhere else.
        before, opening, after = frame.partition(b'"resources": [')
        return b"".join([before, opening, b", ".join(self._blocks()), after])

    def _blocks(self) -> Iterator[bytes]:
        """Yield the JSON of many resources at once."""
        resources = iter(self.resources.items())
        between = f', "algorithm": "{self.algorithm}", "digest": '
        while some := list(islice(resources, _RESOURCES_AT_ONCE)):
            names = _quoted([name for name, _ in some])
            lines = [
                f'{{"name": {name}{between}"{digest}"}}'
                for name, (_, digest) in zip(names, some, strict=True)
            ]
            yield ", ".join(lines).encode()


def _quoted(names: Sequence[str]) -> list[str]:
    """Return names as JSON."""
    if are_plain(names) and '"' not in "".join(names):
        return [f'"{name}"' for name in names]
    return [json.dumps(name, ensure_ascii=False) for name in names]


def _version_notices(predicate_type: str) -> list[str]:
    if predicate_type == OMS_PREDICATE:
        return []
    if _KNOWN_VERSION.fullmatch(predicate_type):
        version = predicate_type.rpartition("/")[2]
        return [f"the signature has version `{version}` of OMS and is read as v1.0"]
    if _OTHER_VERSION.fullmatch(predicate_type):
        raise UnsupportedError(
            "the signature has another version of OMS",
            why=f"`{predicate_type[:100]}` is not the version 1 that is checked here",
        )
    raise MalformedError(f"`{predicate_type[:100]}` is not the predicate of a model signature")
