"""Statements about many files: the list is stored once, and the tree over it is signed for proofs of membership."""

from typing import Any

from weightmark.attestations.predicates.compact_manifest import CompactManifest
from weightmark.attestations.predicates.file_list import FileList
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OmsClaim
from weightmark.attestations.predicates.tree import TREE_PREDICATE, TreeClaim
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.membership.proof import file_tree
from weightmark.provenance.membership.prove import MAX_EMBEDDED
from weightmark.provenance.strict_json import DEFAULT_MAX_SIZE
from weightmark.values import dataclass

__all__ = ["FilesSaid", "fits_a_signature", "say_files"]

_MOST_LISTED = DEFAULT_MAX_SIZE // 2
_LEAST_ROW = 68
"""bytes of a line of a manifest about an empty file, without its name: digest, size and the ends"""
_OMS_ROW = 130
"""bytes of a file in a model signature, without its name"""


@dataclass(frozen=True, slots=True)
class FilesSaid:
    """How the files of an artifact are stated."""

    predicates: tuple[tuple[str, dict[str, Any]], ...]
    """type and content of each claim about them"""
    line: bytes | None
    """the list, as a line of the claims file, where a claim names it by digest"""
    notices: tuple[str, ...]
    """what the signer should know"""


def say_files(listed: ManifestClaim, many: int) -> FilesSaid:
    """Return what to sign; from `many` files on the list stands beside the claims, if it fits there."""
    predicates = []
    line = None
    notices: tuple[str, ...] = ()
    if len(listed.manifest.rows) < many:
        predicates.append((MANIFEST_PREDICATE, listed.to_predicate()))
    else:
        files = FileList(listed.manifest, listed.sha256)
        compact = CompactManifest.of(files, links=listed.links)
        predicates.append((MANIFEST_PREDICATE, compact.to_predicate()))
        line = files.to_line()
    if line and len(line) > _MOST_LISTED:
        line = None
        notices = (
            "the list of files is too large to be stored: `verify` can say that something differs, not what",
        )
    if _is_longer(listed.manifest, MAX_EMBEDDED):
        head = file_tree(listed.manifest).head
        tree = TreeClaim("file", "", head.size, head.root.hex())
        predicates.append((TREE_PREDICATE, tree.to_predicate()))
    return FilesSaid(tuple(predicates), line, notices)


def _is_longer(manifest: Manifest, limit: int) -> bool:
    """Tell whether the lines of a manifest take over `limit` bytes; most often their least length shows it."""
    if sum(_LEAST_ROW + len(row.path) for row in manifest.rows) > limit:
        return True
    return sum(len(row.line()) for row in manifest.rows) > limit


def fits_a_signature(oms: OmsClaim) -> bool:
    """Tell whether a `model.sig` over these files stays below what anybody reads of one."""
    size = sum(_OMS_ROW + 2 * len(path) for path in oms.files)
    return size * 4 // 3 < DEFAULT_MAX_SIZE
