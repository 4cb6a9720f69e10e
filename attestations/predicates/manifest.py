"""Predicate `manifest/v1`: the full list of an artifact's files, with BLAKE3 and SHA-256 of each."""

import re
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.provenance.manifest import Manifest, Row
from weightmark.values import dataclass

__all__ = ["MANIFEST_PREDICATE", "ManifestClaim"]

MANIFEST_PREDICATE = "https://weightmark/predicates/manifest/v1"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"path", "size", "blake3", "sha256"}


@dataclass(frozen=True)
class ManifestClaim:
    """A statement "this artifact holds exactly these files"."""

    manifest: Manifest
    """the files; its identity is the subject of the statement"""
    sha256: dict[str, str]
    """path to lowercase SHA-256 hex, for every file"""
    links: bool
    """whether a name was a link inside the artifact when it was signed"""

    @classmethod
    def from_statement(cls, statement: Statement) -> Self:
        """Read a verified statement; raises `MalformedError` when list and subject disagree."""
        fields = require_fields(
            statement.predicate, "the manifest predicate", {"files", "symlinks"}
        )
        files, links = fields["files"], fields["symlinks"]
        if not isinstance(files, list) or not files or not isinstance(links, bool):
            raise MalformedError("the manifest predicate has fields of the wrong type")
        rows, sha256 = [], {}
        for value in files:
            row, digest = _parse_file(value)
            rows.append(row)
            sha256[row.path] = digest
        manifest = Manifest.from_rows(rows)
        if manifest.identity != statement.subject.identity:
            raise MalformedError("the files of the manifest predicate do not add up to its subject")
        return cls(manifest, sha256, links)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        files = [
            {
                "path": row.path,
                "size": row.size,
                "blake3": row.blake3,
                "sha256": self.sha256[row.path],
            }
            for row in self.manifest.rows
        ]
        return {"files": files, "symlinks": self.links}


def _parse_file(value: object) -> tuple[Row, str]:
    fields = require_fields(value, "a file of the manifest predicate", _FIELDS)
    path, size = fields["path"], fields["size"]
    if not isinstance(path, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise MalformedError("a file of the manifest predicate has fields of the wrong type")
    for column in ("blake3", "sha256"):
        digest = fields[column]
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise MalformedError(f"the {column} of `{path[:100]}` is not 64 lowercase hex digits")
    return Row(path, size, fields["blake3"]), fields["sha256"]
