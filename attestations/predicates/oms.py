"""Predicate of OMS v1.0 (OpenSSF Model Signing): the files that `model.sig` signs.

Sources: OMS specification v1.0 §5 and §6; what the reference signer 1.1.1 writes.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError, UnsupportedError
from weightmark.provenance.foreign_digests import oms_order, oms_root
from weightmark.provenance.names import path_problem
from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES, UNSIGNED_BY_OMS

__all__ = ["OMS_PREDICATE", "SILENT_IGNORES", "OmsClaim"]

OMS_PREDICATE = "https://model_signing/signature/v1.0"
_LEGACY_PREDICATE = "https://model_signing/Digests/v0.1"
SILENT_IGNORES = frozenset([*RESERVED_NAMES, *OUTSIDE, *UNSIGNED_BY_OMS])
"""the only recorded ignores that are followed without a word"""
_DIGEST_LENGTHS = {"sha256": 64, "blake3": 64, "blake2b": 128}
_OTHER_VERSION = re.compile(r"https://model_signing/signature/v(?!1\.0$)[0-9]+\.[0-9]+")
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class OmsClaim:
    """The content of an OMS signature over whole files."""

    files: dict[str, str]
    """path to lowercase digest hex; a single file has the path `.` or its name"""
    algorithm: str
    """`sha256` or `blake3`"""
    allow_symlinks: bool
    """whether the signer followed links"""
    ignore_paths: tuple[str, ...]
    """what the signer left out, sorted"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement.

        Raises `MalformedError` when it breaks OMS, `UnsupportedError` for shards, BLAKE2b and the v0.1 form.
        """
        if statement.predicate_type == _LEGACY_PREDICATE:
            raise UnsupportedError(
                "the signature has the form of 2024 (`Digests/v0.1`)", fix="sign the model again"
            )
        if _OTHER_VERSION.fullmatch(statement.predicate_type):
            raise UnsupportedError(
                "the signature has another version of OMS",
                why=f"`{statement.predicate_type[:100]}` is not the version 1.0 that is checked here",
            )
        if statement.predicate_type != OMS_PREDICATE:
            raise MalformedError(
                f"`{statement.predicate_type[:100]}` is not the predicate of a model signature"
            )
        serialization = statement.predicate.get("serialization")
        resources = statement.predicate.get("resources")
        if not isinstance(serialization, dict) or not isinstance(resources, list) or not resources:
            raise MalformedError("the model signature lists no files")
        algorithm, allow_symlinks, ignores = _parse_serialization(serialization)
        files = _parse_resources(resources, algorithm)
        if oms_root(files.values()) != statement.subject.sha256:
            raise MalformedError("the files of the model signature do not add up to its subject")
        return cls(files, algorithm, allow_symlinks, ignores)

    @classmethod
    def of_files(
        cls, sha256: dict[str, str], *, allow_symlinks: bool, ignore_paths: tuple[str, ...]
    ) -> Self:
        """Make the claim over these paths and SHA-256 digests, in OMS order."""
        ordered = {path: sha256[path] for path in sorted(sha256, key=oms_order)}
        return cls(ordered, "sha256", allow_symlinks, ignore_paths)

    @property
    def root(self) -> str:
        """The OMS root, lowercase hex."""
        return oms_root(self.files.values())

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form that the reference verifier reads."""
        return {
            "resources": [
                {"name": path, "algorithm": self.algorithm, "digest": digest}
                for path, digest in self.files.items()
            ],
            "serialization": {
                "method": "files",
                "hash_type": self.algorithm,
                "allow_symlinks": self.allow_symlinks,
                "ignore_paths": list(self.ignore_paths),
            },
        }


def _parse_serialization(value: dict[str, Any]) -> tuple[str, bool, tuple[str, ...]]:
    optional = {"allow_symlinks", "ignore_paths", "shard_size"}
    fields = require_fields(
        value,
        "the serialization of the model signature",
        {"method", "hash_type"},
        optional=optional,
    )
    method, algorithm = fields["method"], fields["hash_type"]
    allow_symlinks, ignores = fields.get("allow_symlinks", False), fields.get("ignore_paths", [])
    texts = isinstance(method, str) and isinstance(algorithm, str)
    if not texts or not isinstance(allow_symlinks, bool) or not isinstance(ignores, list):
        raise MalformedError(
            "the serialization of the model signature has fields of the wrong type"
        )
    if not all(isinstance(path, str) and path for path in ignores):
        raise MalformedError("an ignored path of the model signature is not a string")
    if method == "shards":
        raise UnsupportedError(
            "the model signature is over shards", why="this version checks whole files"
        )
    if method != "files" or algorithm not in _DIGEST_LENGTHS:
        raise MalformedError("the model signature has an unknown method or hash")
    return algorithm, allow_symlinks, tuple(sorted(set(ignores)))


def _parse_resources(resources: list[Any], algorithm: str) -> dict[str, str]:
    files: dict[str, str] = {}
    for value in resources:
        if not isinstance(value, dict):
            raise MalformedError("a resource of the model signature is not a JSON object")
        name, digest = value.get("name"), value.get("digest")
        if not isinstance(name, str) or path_problem(name):
            raise MalformedError(
                f"the resource name `{str(name)[:100]}` of the model signature is not canonical"
            )
        if name in files:
            raise MalformedError(f"the resource `{name[:100]}` stands twice in the model signature")
        if value.get("algorithm") != algorithm:
            raise MalformedError(
                f"the resource `{name[:100]}` has another algorithm than the model signature"
            )
        if (
            not isinstance(digest, str)
            or len(digest) != _DIGEST_LENGTHS[algorithm]
            or not _HEX.fullmatch(digest)
        ):
            raise MalformedError(
                f"the digest of the resource `{name[:100]}` is not {algorithm} in lowercase hex"
            )
        files[name] = digest
    if algorithm == "blake2b":
        raise UnsupportedError(
            "the model signature uses BLAKE2b", why="this version checks SHA-256 and BLAKE3"
        )
    return files
