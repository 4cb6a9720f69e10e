"""The page of an artifact or file: what the ledger holds about one digest."""

from collections.abc import Mapping
from typing import Any

from weightmark.attestations.pages.index.filters import Filter, Place
from weightmark.attestations.pages.index.searching import Searcher
from weightmark.attestations.pages.lineage import Family, family_of
from weightmark.attestations.pages.source import EntryRow, Source
from weightmark.attestations.pages.views.saying import Part, Topic, newest_said
from weightmark.attestations.pages.views.standing import Standing, standing_of
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.predicates.tensors import TensorsClaim
from weightmark.values import dataclass

__all__ = ["FILES", "ArtifactView", "FileRow", "Starts", "TensorRow", "show_artifact"]

FILES = 200
"""files, tensors or findings of one page"""
_HOLDERS = 50


@dataclass(frozen=True, slots=True)
class Starts:
    """Where the parts of a page begin that are too long for one page."""

    files: int = 0
    """number of the first file that is shown"""
    tensors: int = 0
    """likewise of the tensors"""
    findings: int = 0
    """likewise of the findings"""


_FROM_THE_BEGINNING = Starts()


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file, as a release lists it."""

    path: str
    """relative path"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex"""
    sha256: str
    """lowercase hex"""


@dataclass(frozen=True, slots=True)
class TensorRow:
    """One tensor, as a claim lists it."""

    file: str
    """relative path of its file"""
    name: str
    """its key"""
    size: int
    """bytes"""
    blake3: str
    """lowercase hex"""


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """What the ledger holds about one digest."""

    origin: str
    """name of the log"""
    digest: str
    """lowercase hex"""
    name: str
    """`wm1:<hex>` or `sha256:<hex>`, as the log names it"""
    starts: Starts
    """the numbers of the first file, tensor and finding that are shown"""
    titles: tuple[str, ...]
    """what claims call it"""
    standing: Standing
    """revocations in force about it, and about what it was made from or holds"""
    counts: Mapping[str, int]
    """entries about it, by kind"""
    behind: int
    """the newest entries that were not looked at yet"""
    release: Part
    """the newest release whose claim lists files"""
    files: tuple[FileRow, ...]
    """some of its files"""
    file_count: int
    """how many there are"""
    tensor_claim: Part
    """the newest claim that lists tensors"""
    tensors: tuple[TensorRow, ...]
    """some of them"""
    tensor_count: int
    """how many there are"""
    scan: Part
    """the newest scan"""
    scan_result: str
    """what it came to; empty without one"""
    findings: tuple[dict[str, Any], ...]
    """some of its findings"""
    finding_count: int
    """how many there are"""
    family: Family
    """what it was made from, and what was made from it"""
    holders: tuple[tuple[str, int], ...]
    """artifacts whose release lists it as a file, each with its entry"""
    more_holders: bool
    """whether there are more"""
    entries: tuple[EntryRow, ...]
    """entries about it, newest first"""
    older: int | None
    """`before` of the next page of entries"""
    newer: int | None
    """`after` of the page before"""


def show_artifact(
    source: Source, digest: str, place: Place, starts: Starts = _FROM_THE_BEGINNING
) -> ArtifactView:
    """Return what the ledger holds about a digest; raises `CallError` for one that it does not know."""
    index = source.index
    index.ignore(source.context.void_claims)
    holders = index.holders(f"sha256:{digest}", _HOLDERS + 1)
    name = index.name_of(digest) or (f"sha256:{digest}" if holders else "")
    if not name.startswith(("wm1:", "sha256:")):
        raise source.unknown("the ledger knows nothing of this digest")
    release, listed = newest_said(source, name, Topic.FILES, ManifestClaim.from_statement)
    tensors, tables = newest_said(source, name, Topic.TENSORS, TensorsClaim.from_statement)
    scan, scanned = newest_said(source, name, Topic.FINDINGS, ScanClaim.from_statement)
    rows = listed.manifest.rows if listed else ()
    places = [(file.path, one) for file in tables.files for one in file.tensors] if tables else []
    found = Searcher(index).search(Filter(subject=name), place)
    entries = source.rows(found.places)
    return ArtifactView(
        origin=source.ledger.origin,
        digest=digest,
        name=name,
        starts=starts,
        titles=tuple(dict.fromkeys(one.title for one in entries if one.title)),
        standing=standing_of(source, name),
        counts=index.tally(name, "subject"),
        behind=source.behind,
        release=release,
        files=_files(listed, starts.files),
        file_count=len(rows),
        tensor_claim=tensors,
        tensors=tuple(
            TensorRow(path, one.name, one.size, one.blake3)
            for path, one in places[starts.tensors :][:FILES]
        ),
        tensor_count=len(places),
        scan=scan,
        scan_result=scanned.result if scanned else "",
        findings=scanned.findings[starts.findings :][:FILES] if scanned else (),
        finding_count=len(scanned.findings) if scanned else 0,
        family=family_of(source, name),
        holders=tuple((one.name, one.index) for one in holders[:_HOLDERS]),
        more_holders=len(holders) > _HOLDERS,
        entries=entries,
        older=found.older,
        newer=found.newer,
    )


def _files(listed: ManifestClaim | None, start: int) -> tuple[FileRow, ...]:
    rows = listed.manifest.rows[start : start + FILES] if listed else ()
    sha256 = listed.sha256 if listed else {}
    return tuple(FileRow(row.path, row.size, row.blake3, sha256[row.path]) for row in rows)
