"""What claims say of descent: from what something was made, and which files it holds. Pure."""

import hashlib
import re
from collections.abc import Iterator

from weightmark.attestations.predicates.compact_manifest import MANY_FILES, CompactManifest
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE, ManifestClaim
from weightmark.attestations.predicates.oms import OMS_PREDICATE, OmsClaim
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, ReadError
from weightmark.provenance.manifest import (
    IDENTITY_PREFIX,
    MANIFEST_HEADER,
    SINGLE_FILE,
    Manifest,
    Row,
)
from weightmark.values import dataclass

__all__ = ["MAX_HELD", "HeldFile", "aliases_of", "alone", "digest_of", "held_by", "is_listed_elsewhere", "materials_of", "names_alone", "too_short_to_stand_elsewhere", "unfollowed_in"]  # fmt: skip

MAX_HELD = 20_000
"""files of one artifact that are followed; longer lists of files stand outside of the ledger anyway"""
_IDENTITY = re.compile(r"wm1:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of an artifact, by the names under which it is known on its own."""

    sha256: str
    """`sha256:<hex>`"""
    identities: tuple[str, ...] = ()
    """`wm1:<hex>` of the artifact that is this file alone: under no name, its path, or the end of that"""

    @property
    def identity(self) -> str:
        """The first of them; where nobody knows them the file itself."""
        return self.identities[0] if self.identities else self.sha256

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.sha256, *self.identities)


def digest_of(name: str) -> str:
    """Return the hex digits of `wm1:<hex>` or `sha256:<hex>`, which are one name: both are a SHA-256.

    Whoever leaves out the media type of an identity still means that artifact.
    """
    return name.partition(":")[2]


def alone(row: Row, path: str = SINGLE_FILE) -> str:
    """Return the identity of the artifact that is one file alone, called `path` in it."""
    line = Row(path, row.size, row.blake3).line()
    return IDENTITY_PREFIX + hashlib.sha256(MANIFEST_HEADER + line).hexdigest()


def names_alone(manifest: Manifest) -> tuple[str, ...]:
    """Return what each file is called as an artifact of its own: under no name, its path, or the end of that."""
    return tuple(dict.fromkeys(name for row in manifest.rows for name in _alone(row)))


def _alone(row: Row) -> tuple[str, ...]:
    paths = (SINGLE_FILE, row.path, row.path.rpartition("/")[2])
    return tuple(dict.fromkeys(alone(row, path) for path in paths))


def materials_of(statement: Statement) -> tuple[str, ...]:
    """Return what a provenance statement says went in: `wm1:<hex>` or `sha256:<hex>`, each once.

    Nothing for a statement of another type; raises `MalformedError` for one that breaks its format.
    """
    names = (_name_of(one) for one in _dependencies(statement))
    return tuple(dict.fromkeys(name for name in names if name))


def unfollowed_in(statement: Statement) -> int:
    """Return how many things went in that nothing names by SHA-256, so that nobody can follow them.

    Raises `MalformedError` as `materials_of`.
    """
    return sum(not _name_of(one) for one in _dependencies(statement))


def held_by(statement: Statement) -> tuple[HeldFile, ...] | None:
    """Return the files of which a manifest statement, or one of OMS, says that an artifact holds them.

    None for a list that stands elsewhere, or names no file by SHA-256; nothing for a statement of
    another type. Raises `MalformedError` for one that breaks its format, and `LimitError` over
    `MAX_HELD` files.
    """
    if statement.predicate_type == OMS_PREDICATE:
        return _listed_by_oms(OmsClaim.from_statement(statement))
    if statement.predicate_type != MANIFEST_PREDICATE:
        return ()
    files = statement.predicate.get("files")
    if "list" in statement.predicate and files is None:
        return None
    if isinstance(files, list) and len(files) > MAX_HELD:
        raise LimitError(
            f"an artifact holds over {MAX_HELD} files", why="not every one of them is followed"
        )
    claim = ManifestClaim.from_statement(statement)
    return tuple(
        HeldFile(f"sha256:{claim.sha256[row.path]}", _alone(row)) for row in claim.manifest.rows
    )


def _listed_by_oms(claim: OmsClaim) -> tuple[HeldFile, ...] | None:
    if not claim.whole_sha256 or len(claim.files) > MAX_HELD:
        return None
    return tuple(HeldFile(f"sha256:{digest}") for digest in claim.files.values())


def aliases_of(statement: Statement) -> tuple[str, ...]:
    """Return `sha256:<hex>` of the file, if a manifest statement, or one of OMS, is about one file alone.

    Raises `MalformedError` for one that breaks its format, and `ReadError` where the list stands elsewhere
    although it is short: nobody can tell then.
    """
    if too_short_to_stand_elsewhere(statement):
        raise ReadError(
            "the few files of a release are listed outside of the ledger",
            why="nobody can tell here which file it is about",
            fix="release it again with the list of its files in the claim: `weightmark sign`",
        )
    files = statement.predicate.get("files", statement.predicate.get("resources"))
    if not isinstance(files, list) or len(files) != 1:
        return ()
    return tuple(one.sha256 for one in held_by(statement) or ())


def is_listed_elsewhere(statement: Statement) -> bool:
    """Tell whether a manifest statement names its list of files by the digest alone."""
    return statement.predicate_type == MANIFEST_PREDICATE and "list" in statement.predicate


def too_short_to_stand_elsewhere(statement: Statement) -> bool:
    """Tell a manifest statement that hides a list which is no longer than others that are followed.

    Nothing that signs makes one. Raises `MalformedError` for one that breaks its format.
    """
    if not is_listed_elsewhere(statement):
        return False
    compact = CompactManifest.from_statement(statement)
    return compact is not None and compact.count < MANY_FILES


def _dependencies(statement: Statement) -> Iterator[Descriptor]:
    if statement.predicate_type == SLSA_PROVENANCE_PREDICATE:
        yield from SlsaProvenance.from_statement(statement).dependencies


def _name_of(dependency: Descriptor) -> str:
    """Return how a ledger names what went in; empty when it cannot be told."""
    sha256 = dependency.digest.get("sha256", "")
    if sha256:
        return dependency.identity or f"sha256:{sha256}"
    return dependency.uri if _IDENTITY.fullmatch(dependency.uri) else ""
