"""Examining one artifact: identity, formats, risk and what stands beside it.

A function from a place to a record, without state, so that any executor may run it anywhere that
sees the same files.
"""

from pathlib import Path

from weightmark.attestations.inventory.interface import Place
from weightmark.attestations.inventory.promises import promise_of
from weightmark.attestations.inventory.record import NO_RISK, UNKNOWN_RISK, Record, Worst
from weightmark.attestations.inventory.walking import printable
from weightmark.attestations.verifying.evidence import Evidence, collect_evidence
from weightmark.errors import WeightmarkError, read_failure
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.scanners.findings import Outcome, ScanReport
from weightmark.scanners.tree import TreeScan, scan_tree

__all__ = ["examine", "unread"]

_MOST_SHOWN = 5
_LONGEST_MESSAGE = 500


def examine(
    place: Place, *, progress: ProgressSink | None = None, jobs: int | None = None
) -> Record:
    """Read the artifact at `place` and say what is known of it; what can't be read is its `problem`."""
    try:
        scan = scan_tree(place.path, identify=True, progress=progress, jobs=jobs)
        promise, broken = _promise(scan, place)
        evidence = collect_evidence(scan.artifact)
    except WeightmarkError as error:
        return _record(place, None, problem=error.what)
    notes = tuple(f"`{printable(path)}` is not what its name says" for path in broken[:_MOST_SHOWN])
    return _record(place, scan, evidence=evidence, promise=promise, notes=notes)


def unread(place: Place, problem: str) -> Record:
    """Return the record of what could not be read at all, and why."""
    return _record(place, None, problem=problem)


def _promise(scan: TreeScan, place: Place) -> tuple[str, tuple[str, ...]]:
    try:
        return promise_of(scan.artifact, named_by_digest=place.named_by_digest)
    except OSError as error:
        raise read_failure(error.filename or Path(place.path), error) from error


def _record(
    place: Place,
    scan: TreeScan | None,
    *,
    evidence: Evidence | None = None,
    promise: str = "none",
    notes: tuple[str, ...] = (),
    problem: str = "",
) -> Record:
    artifact = scan.artifact if scan else None
    report = scan.report if scan else ScanReport(())
    return Record(
        path=printable(place.label),
        layout=place.layout,
        kind=place.kind.value,
        name=printable(place.name),
        revision=printable(place.revision),
        notes=(*map(printable, place.notes), *notes),
        identity=scan.identity if scan else "",
        files=len(artifact.entries) if artifact else 0,
        size=sum(entry.size for entry in artifact.entries) if artifact else 0,
        formats=tuple(sorted({name for file in report.files for name in file.formats})),
        signature=bool(evidence and evidence.signature),
        claims=len(evidence.claims) if evidence else 0,
        promise=promise,
        risk=_risk(report, problem),
        unchecked=_unchecked(report),
        worst=_worst(report),
        problem=printable(problem),
    )


def _unchecked(report: ScanReport) -> int:
    return sum(bool(file.problems) for file in report.files)


def _risk(report: ScanReport, problem: str) -> str:
    """Return the severity of the worst finding; what was not scanned, or not to the end, is never `none`."""
    if report.worst is not None:
        return report.worst.word
    unscanned = all(file.outcome is Outcome.UNSUPPORTED for file in report.files)
    return UNKNOWN_RISK if problem or unscanned or _unchecked(report) else NO_RISK


def _worst(report: ScanReport) -> tuple[Worst, ...]:
    """Return the first findings of the highest severity."""
    worst = [one for one in report.findings if one.severity == report.worst]
    return tuple(
        Worst(
            one.rule,
            one.severity.word,
            printable(f"{one.path}!{one.member}" if one.member else one.path),
            printable(one.message[:_LONGEST_MESSAGE]),
        )
        for one in worst[:_MOST_SHOWN]
    )
