"""`weightmark scan`: is it safe to open?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import error_facts, file_scan_facts, finding_lines
from weightmark.cli.evidence_options import fail_on_option
from weightmark.cli.options import option
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit, WeightmarkError

if TYPE_CHECKING:
    from weightmark.scanners.findings import ScanReport, Severity

__all__ = ["scan"]

_NAMES_SHOWN = 20

_VERDICTS = {
    Exit.GOOD: "clean",
    Exit.BAD: "unsafe",
    Exit.NOTHING: "nothing-checked",
    Exit.UNCHECKED: "unchecked",
}


@command("scan")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@fail_on_option("Exit with 1 from this severity on")
@option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found")
@pass_console
def scan(console: Console, paths: tuple[str, ...], *, fail_on: str, exit_zero: bool) -> None:
    """Look for what would run code or reach elsewhere when a file is opened.

    Files are told apart by content, never by name, and nothing is loaded.
    """
    from weightmark.scanners.findings import Severity
    from weightmark.scanners.tree import scan_artifact

    threshold = Severity.parse(fail_on)
    reports: list[tuple[str, ScanReport]] = []
    failures: list[tuple[str, WeightmarkError]] = []
    for path in paths:
        try:
            with console.progress(None) as progress:
                reports.append((path, scan_artifact(path, progress=progress, jobs=console.jobs)))
        except WeightmarkError as error:
            if len(paths) == 1:
                raise
            failures.append((path, error))
    code = Exit.worst(
        [*(report.exit(threshold) for _, report in reports), *(error.exit for _, error in failures)]
    )
    console.finish(_document(reports, failures, threshold, Exit.GOOD if exit_zero else code, code))


def _document(
    reports: "Sequence[tuple[str, ScanReport]]",
    failures: Sequence[tuple[str, WeightmarkError]],
    threshold: "Severity",
    code: Exit,
    verdict: Exit,
) -> Document:
    several = len(reports) + len(failures) > 1
    checks = [
        line
        for path, report in reports
        for line in _checks(path, report, threshold, f" {path}" if several else "")
    ]
    checks += [
        CheckLine(
            Outcome.UNCHECKED, f"scan {path}", f"`{path}`: {error.what}", error.why, error.fix
        )
        for path, error in failures
    ]
    lines = [
        line
        for path, report in reports
        for line in finding_lines(report.findings, root=path if several else "")
    ]
    return Document(
        schema="weightmark/scan/v1",
        exit=code,
        verdict=_VERDICTS.get(verdict, "wrong-call"),
        headline=_headline([report for _, report in reports], verdict),
        checks=tuple(checks),
        findings=tuple(lines),
        facts={
            "fail_on": threshold.word,
            "artifacts": [_facts(path, report) for path, report in reports],
            "failures": [{"path": path, **error_facts(error)} for path, error in failures],
        },
    )


def _checks(path: str, report: "ScanReport", threshold: "Severity", suffix: str) -> list[CheckLine]:
    """Return the checks of one artifact; `suffix` tells their names from those of others."""
    bad = [finding for finding in report.findings if finding.severity >= threshold]
    outcome = Outcome.FAIL if bad else Outcome.PASS
    count = len(report.files)
    summary = f"{count} file{'s' * (count != 1)} in `{path}`, {len(report.findings)} finding{'s' * (len(report.findings) != 1)}"
    checks = [CheckLine(outcome, f"scan{suffix}", summary)]
    problems = [
        f"`{file.path}` could not be checked: {problem}"
        for file in report.files
        for problem in file.problems
    ]
    if problems:
        checks.append(
            CheckLine(
                Outcome.UNCHECKED, f"problems{suffix}", problems[0], details=tuple(problems[1:])
            )
        )
    unsupported = [file.path for file in report.files if file.outcome.value == "unsupported"]
    if unsupported:
        summary = f"{len(unsupported)} of a format that is not scanned"
        checks.append(
            CheckLine(
                Outcome.INFO,
                f"unsupported{suffix}",
                summary,
                details=_unsupported_names(unsupported),
            )
        )
    return checks


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


def _headline(reports: "Sequence[ScanReport]", verdict: Exit) -> str:
    findings = [finding for report in reports for finding in report.findings]
    if verdict is Exit.GOOD:
        return "nothing unsafe" if not findings else "nothing that forbids use"
    if verdict is Exit.BAD:
        worst = max(findings, key=lambda finding: finding.severity)
        return f"unsafe: the worst finding is {worst.severity.word}"
    if verdict is Exit.NOTHING:
        return "nothing was checked: no file has a format that is scanned"
    return "not everything could be checked"


def _facts(path: str, report: "ScanReport") -> dict[str, Any]:
    counts = {severity.word: number for severity, number in report.counts.items()}
    return {"path": path, "files": file_scan_facts(report.files), "counts": counts}
