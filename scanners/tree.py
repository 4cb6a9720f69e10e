"""Scanning a whole artifact: its files, what stands beside them, and what lies outside of it.

Signatures and claims are scanned as bytes; so are `.git` and `.cache/huggingface`, because a
loader that is pointed at them would read them too.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from weightmark.errors import NoInputError, UncheckedError, read_failure
from weightmark.provenance.artifact import Artifact, Problem, ProblemKind, open_artifact
from weightmark.provenance.reading.engine import Column, ProgressSink, Reading, read_artifact
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import DescriptorView
from weightmark.provenance.sidecars import SidecarPaths
from weightmark.scanners.engines.choice import examine
from weightmark.scanners.engines.interface import Engine
from weightmark.scanners.engines.own import OwnEngine
from weightmark.scanners.findings import FileScan, Finding, Outcome, ScanReport
from weightmark.scanners.local_imports import report_of_tree
from weightmark.scanners.luggage import FILE_SCANS
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.scanners.scan import scan_file
from weightmark.values import dataclass

__all__ = [
    "TreeScan",
    "scan_artifact",
    "scan_problems",
    "scan_stream",
    "scan_tree",
    "unreadable",
]

_RULE_OF_PROBLEM = {
    ProblemKind.LINK: "TRE001",
    ProblemKind.SPECIAL: "TRE002",
    ProblemKind.NAME: "TRE003",
}


@dataclass(frozen=True, slots=True)
class TreeScan:
    """What one read of an artifact gave."""

    artifact: Artifact
    """what was read"""
    report: ScanReport
    """the results for all files"""
    identity: str
    """the identity of the very bytes that were scanned; empty if they have none or it was not asked for"""


def scan_artifact(
    path: str | Path, *, progress: ProgressSink | None = None, jobs: int | None = None
) -> ScanReport:
    """Scan everything at `path` and return the results; see `scan_tree`."""
    return scan_tree(path, progress=progress, jobs=jobs).report


def scan_tree(
    path: str | Path,
    *,
    identify: bool = False,
    engines: Sequence[Engine] = (),
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> TreeScan:
    """Scan everything at `path`, and with `identify` name it in the same read.

    `engines` are asked about each file; without any, our own scanners are. A file that can't be read is reported as unchecked and hides nothing else; the artifact then
    has no identity. Raises `CallError` for a missing path, `NoInputError` for an empty folder,
    `ArtifactRefusedError` for a device.
    """
    artifact = open_artifact(path)
    if not artifact.entries and not artifact.problems and not artifact.outside:
        raise NoInputError(f"`{path}` holds no files", fix="name a folder that holds files")
    files = _scan_reserved_names(artifact)
    identity = ""
    for prefix, part in _parts(artifact):
        files += scan_problems(part, prefix)
        if part.entries:
            named = identify and part is artifact and not part.problems
            label = _Label(part.single, prefix)
            reading = _scan_part(part, label, engines, progress, jobs, identify=named)
            files += reading.inspections
            if named and all(file.blake3 for file in reading.files):
                identity = reading.manifest().identity
    paths = [entry.path for entry in artifact.entries]
    return TreeScan(artifact, report_of_tree(files, paths), identity)


def scan_stream(descriptor: int, engines: Sequence[Engine] = ()) -> TreeScan:
    """Scan what stands in an open file that has no name; raises `ReadError`."""
    try:
        size = os.fstat(descriptor).st_size
    except OSError as error:
        raise read_failure("stdin", error) from error
    file = _ask("-", DescriptorView(descriptor, size, "stdin"), engines)
    return TreeScan(_nowhere(), ScanReport.of([file]), "")


def _nowhere() -> Artifact:
    """Return the artifact that stands for a stream: one file of no folder."""
    sidecars = SidecarPaths(Path("-.sig"), Path("-.claims"), Path("-.receipt"))
    return Artifact(Path("-"), "-", True, (), (), (), sidecars)


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
    part: Artifact,
    label: "_Label",
    engines: Sequence[Engine],
    progress: ProgressSink | None,
    jobs: int | None,
    *,
    identify: bool,
) -> Reading[FileScan]:
    def inspect(path: str, view: ByteView) -> FileScan:
        return _ask(label.of(path), view, engines)

    def salvage(path: str, error: UncheckedError) -> FileScan:
        return unreadable(label.of(path), error)

    return read_artifact(
        part,
        columns=(Column.BLAKE3,) if identify else (),
        inspect=inspect,
        luggage=FILE_SCANS if all(isinstance(one, OwnEngine) for one in engines) else None,
        salvage=salvage,
        progress=progress,
        jobs=jobs,
    )


@dataclass(frozen=True, slots=True)
class _Label:
    """How results call the files of a part."""

    single: bool
    prefix: str

    def of(self, path: str) -> str:
        if self.single:
            return self.prefix or path
        return f"{self.prefix}/{path}" if self.prefix else path


def _ask(path: str, view: ByteView, engines: Sequence[Engine]) -> FileScan:
    return examine(path, view, engines) if engines else scan_file(path, view)


def _problem_scan(problem: Problem, prefix: str) -> FileScan:
    rule = catalogue()[_RULE_OF_PROBLEM[problem.kind]]
    path = f"{prefix}/{problem.path}" if prefix else problem.path
    finding = Finding(rule.id, rule.severity, rule.title, path, detail=str(problem), help=rule.help)
    unopened = ("it was not opened",) if problem.kind is ProblemKind.NAME else ()
    return FileScan(path, (), Outcome.FINDINGS, (finding,), unopened)
