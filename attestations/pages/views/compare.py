"""The page that compares two artifacts by what verified claims say of them; no content is read."""

import json
from typing import Any

from weightmark.attestations.pages.source import Source
from weightmark.attestations.pages.views.artifact import FILES
from weightmark.attestations.pages.views.saying import Part, Topic, newest_said
from weightmark.attestations.pages.views.standing import Standing, standing_of
from weightmark.attestations.predicates.manifest import ManifestClaim
from weightmark.attestations.predicates.scan import ScanClaim
from weightmark.attestations.predicates.tensors import TensorsClaim
from weightmark.values import dataclass

__all__ = ["Change", "CompareView", "Difference", "compare_artifacts"]


@dataclass(frozen=True, slots=True)
class Change:
    """One file, tensor or finding that is not the same on both sides."""

    what: str
    """its path, its name, or what was found"""
    left: str
    """what the left one has; empty for nothing"""
    right: str
    """what the right one has; empty for nothing"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of two artifacts, side by side."""

    name: str
    """`files`, `tensors` or `findings`"""
    left: Part
    """who says so of the left one"""
    right: Part
    """who says so of the right one"""
    known: bool
    """whether verified claims say it of both; nothing is compared otherwise"""
    same: int
    """how many are the same"""
    changed: int
    """how many are not"""
    changes: tuple[Change, ...]
    """the first of them, by name"""


@dataclass(frozen=True, slots=True)
class CompareView:
    """Two artifacts, side by side."""

    origin: str
    """name of the log"""
    left: str
    """`wm1:<hex>` or `sha256:<hex>`"""
    right: str
    """likewise"""
    left_standing: Standing
    """what revocations in force say of the left one"""
    right_standing: Standing
    """likewise of the right one"""
    differences: tuple[Difference, ...]
    """files, tensors, findings"""
    counts: tuple[tuple[str, int, int], ...]
    """kind, and how many entries are about the left and the right one"""


def compare_artifacts(source: Source, left: str, right: str) -> CompareView:
    """Compare two digests; raises `CallError` for one that the ledger does not know."""
    names = [_named(source, one) for one in (left, right)]
    tallies = [source.index.tally(name, "subject") for name in names]
    kinds = sorted({*tallies[0], *tallies[1]})
    return CompareView(
        origin=source.ledger.origin,
        left=names[0],
        right=names[1],
        left_standing=standing_of(source, names[0]),
        right_standing=standing_of(source, names[1]),
        differences=(
            _compared(source, names, "files", Topic.FILES, _files),
            _compared(source, names, "tensors", Topic.TENSORS, _tensors),
            _compared(source, names, "findings", Topic.FINDINGS, _findings),
        ),
        counts=tuple((kind, tallies[0].get(kind, 0), tallies[1].get(kind, 0)) for kind in kinds),
    )


def _named(source: Source, digest: str) -> str:
    name = source.index.name_of(digest) or ""
    if not name.startswith(("wm1:", "sha256:")):
        raise source.unknown(f"the ledger knows nothing of `{digest}`")
    return name


def _compared(source: Source, names: list[str], name: str, topic: Topic, read: Any) -> Difference:
    (left, ours), (right, theirs) = (newest_said(source, one, topic, read) for one in names)
    if ours is None or theirs is None:
        return Difference(name, left, right, known=False, same=0, changed=0, changes=())
    keys = sorted({*ours, *theirs})
    changes = [
        Change(key, ours.get(key, ""), theirs.get(key, ""))
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]
    same = len(keys) - len(changes)
    return Difference(name, left, right, True, same, len(changes), tuple(changes[:FILES]))


def _files(statement: Any) -> dict[str, str]:
    claim = ManifestClaim.from_statement(statement)
    return {row.path: f"{row.size} bytes, blake3:{row.blake3}" for row in claim.manifest.rows}


def _tensors(statement: Any) -> dict[str, str]:
    claim = TensorsClaim.from_statement(statement)
    return {
        f"{file.path}: {one.name}": f"{one.size} bytes, blake3:{one.blake3}"
        for file in claim.files
        for one in file.tensors
    }


def _findings(statement: Any) -> dict[str, str]:
    """Return each finding once; one that both have is the same."""
    claim = ScanClaim.from_statement(statement)
    return {
        json.dumps({key: one[key] for key in sorted(one) if key != "offset"}): "found"
        for one in claim.findings
    }
