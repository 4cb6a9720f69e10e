"""Predicate `tree/v1`: the root of a tree over the files of an artifact, or over the records of one.

Small whatever the artifact's size: proofs of membership carry it (docs/formats/membership.md).
"""

import re
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.values import dataclass

__all__ = ["TREE_PREDICATE", "TreeClaim"]

TREE_PREDICATE = "https://weightmark/predicates/tree/v1"
_ROOT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class TreeClaim:
    """A statement "the sorted tree over these rows has this root"."""

    kind: str
    """`file` for the lines of the manifest, `jsonl` or `webdataset` for the records of one file"""
    file: str
    """path of the file whose records they are, escaped; empty for the manifest's lines"""
    size: int
    """rows"""
    root: str
    """RFC 6962 root, lowercase hex"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError`."""
        fields = require_fields(
            statement.predicate, "the tree predicate", {"kind", "file", "size", "root"}
        )
        kind, file, size, root = (fields[name] for name in ("kind", "file", "size", "root"))
        if not isinstance(kind, str) or not isinstance(file, str) or type(size) is not int:
            raise MalformedError("the tree predicate has fields of the wrong type")
        if size < 1 or not isinstance(root, str) or not _ROOT.fullmatch(root):
            raise MalformedError("the tree predicate names no root")
        return cls(kind, file, size, root)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "file": self.file, "size": self.size, "root": self.root}
