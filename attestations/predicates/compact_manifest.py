"""Manifest claims about many files: they name the list of files by its digest, and it stands elsewhere, once.

The predicate type is that of `manifest/v1`; which form it has, its members say.
"""

from collections.abc import Mapping
from typing import Any, Self

from weightmark.attestations.bundles.dsse import require_fields
from weightmark.attestations.predicates.file_list import FileList
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.statements import Statement
from weightmark.errors import MalformedError
from weightmark.patterns import lazy_pattern
from weightmark.values import dataclass

__all__ = ["MANY_FILES", "CompactManifest", "read_manifest_claim"]

MANY_FILES = 20_000
"""from so many files on, claims name their list by its digest"""
_DIGEST = lazy_pattern(r"sha256:[0-9a-f]{64}")
_FIELDS = {"count", "list", "symlinks"}


@dataclass(frozen=True, slots=True)
class CompactManifest:
    """A statement "this artifact holds exactly the files of this list"."""

    identity: str
    """`wm1:…` of the artifact"""
    count: int
    """files"""
    list_digest: str
    """`sha256:<hex>` of the `FileList`"""
    links: bool
    """whether a name was a link inside the artifact when it was signed"""

    @classmethod
    def of(cls, files: FileList, *, links: bool) -> Self:
        """Name the files by the digest of their list; `links` as in `ManifestClaim`."""
        return cls(files.manifest.identity, len(files.manifest.rows), files.digest, links)

    @classmethod
    def from_statement(cls, statement: Statement) -> Self | None:
        """Read a statement; None for one that holds the list itself. Raises `MalformedError`."""
        if "list" not in statement.predicate:
            return None
        fields = require_fields(statement.predicate, "the manifest predicate", _FIELDS)
        count, digest, links = fields["count"], fields["list"], fields["symlinks"]
        if type(count) is not int or count < 1 or not isinstance(links, bool):
            raise MalformedError("the manifest predicate has fields of the wrong type")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise MalformedError("the manifest predicate names no list of files")
        return cls(statement.subject.identity, count, digest, links)

    def to_predicate(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"count": self.count, "list": self.list_digest, "symlinks": self.links}

    def with_list(self, files: FileList) -> ManifestClaim:
        """Return the claim with its files; raises `MalformedError` for another list than it names."""
        named = (self.list_digest, self.identity, self.count)
        if named != (files.digest, files.manifest.identity, len(files.manifest.rows)):
            raise MalformedError("the list of files is another one than the manifest claim names")
        return ManifestClaim(files.manifest, dict(files.sha256), self.links)


def read_manifest_claim(
    statement: Statement, lists: Mapping[str, FileList]
) -> ManifestClaim | CompactManifest:
    """Read a verified manifest claim of either form, with its files where `lists`, by digest, hold them.

    Raises `MalformedError` when list and subject disagree.
    """
    compact = CompactManifest.from_statement(statement)
    if compact is None:
        return ManifestClaim.from_statement(statement)
    files = lists.get(compact.list_digest)
    return compact if files is None else compact.with_list(files)
