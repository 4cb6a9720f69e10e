"""Scanning a whole artifact: its files, what stands beside them, and what lies outside of it.

Signatures and claims are scanned as bytes; so are `.git` and `.cache/huggingface`, because a
loader that is pointed at them would read them too.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from weightmark.errors import NoInputError, UncheckedError
from weightmark.provenance.artifact import Artifact, Problem, ProblemKind, open_artifact
from weightmark.provenance.reading.engine import ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.sidecars import SidecarPaths
from weightmark.scanners.findings import FileScan, Finding, Outcome, ScanReport
from weightmark.scanners.local_imports import report_of_tree
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.scanners.scan import scan_file

__all__ = ["scan_artifact", "scan_problems", "unreadable"]

_RULE_OF_PROBLEM = {
    ProblemKind.LINK: "TRE001",
    ProblemKind.SPECIAL: "TRE002",
    ProblemKind.NAME: "TRE003",
}


def scan_artifact(
    path: str | Path, *, progress: ProgressSink | None = None, jobs: int | None = None
) -> ScanReport:
    """Scan everything at `path`.

    A file that can't be read is reported as unchecked and hides nothing else. Raises `CallError`
    for a missing path, `NoInputError` for an empty folder, `ArtifactRefusedError` for a device.
    """
    artifact = open_artifact(path)
    if not artifact.entries and not artifact.problems and not artifact.outside:
        raise NoInputError(f"`{path}` holds no files", fix="name a folder that holds files")
    files = _scan_reserved_names(artifact)
    for prefix, part in _parts(artifact):
        files += scan_problems(part, prefix)
        if part.entries:
            files += _scan_part(part, prefix, progress, jobs)
    paths = [entry.path for entry in artifact.entries]
    return report_of_tree(files, paths)


def scan_problems(artifact: Artifact, prefix: str = "") -> list[FileScan]:
    """Turn what no identity can cover into findings."""
    return [_problem_scan(problem, prefix) for problem in artifact.problems]


def unreadable(path: str, error: UncheckedError) -> FileScan:
    """Return the result for a file that could not be read."""
    return FileScan(path, (), Outcome.UNCHECKED, (), (error.what,))


def _parts(artifact: Artifact) -> Iterator[tuple[str, Artifact]]:
    """Yield the artifact, and with their prefixes the sidecars and what lies outside."""
    yield "", artifact
    if artifact.single:
        return
    for part in artifact.outside:
        yield part.path, open_artifact(artifact.path / part.path)
    sidecars = artifact.sidecars
    for file in (sidecars.signature, sidecars.claims, sidecars.receipt):
        if _is_plain(file, sidecars):
            yield file.name, open_artifact(file)


def _is_plain(file: Path, sidecars: SidecarPaths) -> bool:
    """Tell whether a reserved name holds a file, or a hub cache's link to one."""
    if file.is_symlink() and file.resolve().parent != sidecars.storage:
        return False
    return file.is_file()


def _scan_reserved_names(artifact: Artifact) -> list[FileScan]:
    """Report reserved names that hold a folder or a link: nobody expects content there."""
    if artifact.single:
        return []
    sidecars = artifact.sidecars
    rule = catalogue()["TRE004"]
    return [
        FileScan(
            file.name,
            (),
            Outcome.FINDINGS,
            (Finding(rule.id, rule.severity, rule.title, file.name, help=rule.help),),
            ("what stands there was not opened",),
        )
        for file in (sidecars.signature, sidecars.claims, sidecars.receipt)
        if os.path.lexists(file) and not _is_plain(file, sidecars)
    ]


def _scan_part(
    part: Artifact, prefix: str, progress: ProgressSink | None, jobs: int | None
) -> list[FileScan]:
    def label(path: str) -> str:
        if part.single:
            return prefix or path
        return f"{prefix}/{path}" if prefix else path

    def inspect(path: str, view: ByteView) -> FileScan:
        return scan_file(label(path), view)

    def salvage(path: str, error: UncheckedError) -> FileScan:
        return unreadable(label(path), error)

    reading: Reading[FileScan] = read_artifact(
        part, columns=(), inspect=inspect, salvage=salvage, progress=progress, jobs=jobs
    )
    return list(reading.inspections)


def _problem_scan(problem: Problem, prefix: str) -> FileScan:
    rule = catalogue()[_RULE_OF_PROBLEM[problem.kind]]
    path = f"{prefix}/{problem.path}" if prefix else problem.path
    finding = Finding(rule.id, rule.severity, rule.title, path, detail=str(problem), help=rule.help)
    unopened = ("it was not opened",) if problem.kind is ProblemKind.NAME else ()
    return FileScan(path, (), Outcome.FINDINGS, (finding,), unopened)
