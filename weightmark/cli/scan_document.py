"""What `scan` answers, from the results of the scanners."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.attestations.checks import counted
from weightmark.cli.documents import error_facts, file_scan_facts, finding_lines
from weightmark.cli.render.interface import (
    UNSAFE_FINDINGS,
    CheckLine,
    Document,
    FindingLine,
    Outcome,
)
from weightmark.errors import Exit, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.scanners.baseline import Accepted, Judged
    from weightmark.scanners.findings import Finding, ScanReport, Severity

__all__ = ["Scanned", "scan_document"]

_NAMES_SHOWN = 20
_VERDICTS = {
    Exit.GOOD: "clean",
    Exit.BAD: "unsafe",
    Exit.NOTHING: "nothing-checked",
    Exit.UNCHECKED: "unchecked",
}


@dataclass(frozen=True, slots=True)
class Scanned:
    """One artifact and what was found in it."""

    path: str
    """as it was given"""
    judged: "Judged"
    """what counts, and what a baseline accepts"""
    identified: bool = True
    """whether a baseline that was given could apply"""
    single: bool = False
    """whether it is one file, which findings then name without a folder"""
    described: "tuple[Check, ...]" = ()
    """what it says of itself, held against its files"""

    @property
    def report(self) -> "ScanReport":
        """What counts."""
        return self.judged.report


def scan_document(
    scanned: Sequence[Scanned],
    failures: Sequence[tuple[str, WeightmarkError]],
    threshold: "Severity",
    *,
    exit_zero: bool = False,
    foreign: int = 0,
) -> Document:
    """Say what was found in all artifacts, and which could not be read at all.

    `foreign` entries of a baseline are for other content than anything here.
    """
    several = len(scanned) + len(failures) > 1
    verdict = Exit.worst(
        [*(_exit(one, threshold) for one in scanned), *(error.exit for _, error in failures)]
    )
    checks = [line for one in scanned for line in _checks(one, threshold, several=several)]
    if foreign:
        checks.append(_foreign_entries(foreign))
    checks += [
        CheckLine(
            Outcome.UNCHECKED, f"scan {path}", f"`{path}`: {error.what}", error.why, error.fix
        )
        for path, error in failures
    ]
    return Document(
        schema="weightmark/scan/v1",
        exit=Exit.GOOD if exit_zero else verdict,
        verdict=_verdict(scanned, verdict),
        headline=_headline(scanned, verdict, threshold),
        checks=tuple(checks),
        findings=tuple(line for one in scanned for line in _lines(one, several=several)),
        facts={
            "fail_on": threshold.word,
            "artifacts": [_facts(one) for one in scanned],
            "failures": [{"path": path, **error_facts(error)} for path, error in failures],
        },
    )


def _verdict(scanned: Sequence[Scanned], code: Exit) -> str:
    """Return one word for all; what has findings is not clean, wherever the threshold stands."""
    if code is Exit.GOOD and any(map(_noted, scanned)):
        return "findings"
    return _VERDICTS.get(code, "wrong-call")


def _noted(one: Scanned) -> "list[Finding]":
    """Return what was found over `info`, and is accepted or below the threshold."""
    found = [*one.report.findings, *(accepted.finding for accepted in one.judged.accepted)]
    return [finding for finding in found if finding.severity.word != "info"]


def _exit(one: Scanned, threshold: "Severity") -> Exit:
    code = one.report.exit(threshold)
    if not one.described:
        return code
    from weightmark.cli.dataset_documents import description_exit

    return Exit.worst([code, description_exit(one.described)])


def _lines(one: Scanned, *, several: bool) -> Iterator[FindingLine]:
    root = one.path if several else ""
    if root and one.single:
        root = "" if one.path == "-" else str(Path(one.path).parent)
        root = "" if root == "." else root
    given = "" if one.path == "-" else one.path
    yield from finding_lines(one.report.findings, root=root, given=given)
    for accepted in one.judged.accepted:
        (line,) = finding_lines([accepted.finding], root=root, given=given)
        yield replace(line, accepted=_reason(accepted))


def _reason(accepted: "Accepted") -> str:
    return f"{accepted.acceptance.reason} (until {accepted.acceptance.expires})"


def _checks(one: Scanned, threshold: "Severity", *, several: bool) -> list[CheckLine]:
    """Return the checks of one artifact; their names differ from those of others."""
    suffix = f" {one.path}" if several else ""
    report = one.report
    bad = [finding for finding in report.findings if finding.severity >= threshold]
    outcome = Outcome.FAIL if bad else Outcome.PASS
    if not bad and one.report.exit(threshold) is Exit.NOTHING:
        outcome = Outcome.UNCHECKED
    summary = f"{counted(len(report.files), 'file')} in `{one.path}`, {counted(len(report.findings), 'finding')}"
    if one.judged.accepted:
        summary += f", {len(one.judged.accepted)} accepted"
    checks = [CheckLine(outcome, f"scan{suffix}", summary, code=UNSAFE_FINDINGS if bad else "")]
    problems = [
        f"`{file.path}` could not be checked: {problem}"
        for file in report.files
        for problem in file.problems
    ]
    if problems:
        more = tuple(problems[1:])
        checks.append(CheckLine(Outcome.UNCHECKED, f"problems{suffix}", problems[0], details=more))
    checks += _baseline_notes(one, suffix)
    unsupported = [file.path for file in report.files if file.outcome.value == "unsupported"]
    if unsupported:
        summary = f"{len(unsupported)} of a format that is not scanned"
        names = _unsupported_names(unsupported)
        checks.append(CheckLine(Outcome.INFO, f"not scanned{suffix}", summary, details=names))
    if one.described:
        from weightmark.cli.dataset_documents import description_lines

        checks += description_lines(one.described, suffix)
    return checks


def _foreign_entries(count: int) -> CheckLine:
    entries = counted(count, "entry", "entries")
    return CheckLine(
        Outcome.INFO,
        "other content",
        f"{entries} of the baseline {'is' if count == 1 else 'are'} for other content than this",
        "an entry holds for the very bytes for which it was written",
        "look at what is found now, and accept it anew with `--write-baseline`",
    )


def _baseline_notes(one: Scanned, suffix: str) -> Iterator[CheckLine]:
    notes = one.judged.notes
    if not one.identified:
        notes = ("it accepts nothing here: the artifact has no identity", *notes)
    if notes:
        yield CheckLine(Outcome.INFO, f"baseline{suffix}", notes[0], details=notes[1:])


def _unsupported_names(paths: Sequence[str]) -> tuple[str, ...]:
    """Return a line a path, and one for all that no publisher put there to be loaded."""
    beside = [path for path in paths if _is_beside(path)]
    lines = [f"`{path}`" for path in paths if not _is_beside(path)][:_NAMES_SHOWN]
    if beside:
        kinds = "signature, claims, receipt or outside of the artifact"
        lines.append(f"{len(beside)} of them: {kinds}")
    return tuple(lines)


def _is_beside(path: str) -> bool:
    from weightmark.provenance.sidecars import OUTSIDE, RESERVED_NAMES

    return path in (*RESERVED_NAMES, *OUTSIDE) or path.startswith(tuple(f"{o}/" for o in OUTSIDE))


def _headline(scanned: Sequence[Scanned], verdict: Exit, threshold: "Severity") -> str:
    findings = [finding for one in scanned for finding in one.report.findings]
    accepted = sum(len(one.judged.accepted) for one in scanned)
    if verdict is Exit.GOOD:
        said = _below(scanned, threshold)
        beside = f"{counted(accepted, 'finding')} accepted by the baseline"
        return f"{said}: {beside}" if accepted else said
    if verdict is Exit.BAD:
        worst = max((finding.severity for finding in findings), default=None)
        return f"unsafe: the worst finding is {worst.word}" if worst else "refused"
    if verdict is Exit.NOTHING:
        return "nothing was checked: no file has a format that is scanned"
    return "not everything could be checked"


def _below(scanned: Sequence[Scanned], threshold: "Severity") -> str:
    noted = [finding for one in scanned for finding in _noted(one)]
    if not noted:
        return "nothing unsafe"
    worst = max(finding.severity for finding in noted)
    if worst >= threshold:
        return "nothing that forbids use"
    return f"look before use: the worst finding is {worst.word}, below the threshold `{threshold.word}`"


def _facts(one: Scanned) -> dict[str, Any]:
    counts = {severity.word: number for severity, number in one.report.counts.items()}
    return {
        "path": one.path,
        "files": file_scan_facts(one.report.files),
        "counts": counts,
        "accepted": len(one.judged.accepted),
    }
