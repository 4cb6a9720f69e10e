"""`weightmark scan`: is it safe to open?"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.cli.cached import from_cache
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.gate.reports import (
    also_reported,
    read_reports,
    report_option,
    with_reports,
)
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import fail_on_option
from weightmark.cli.scan_document import Scanned, scan_document
from weightmark.cli.scan_paths import scan_standard_input, scanned_paths
from weightmark.errors import CallError, WeightmarkError

if TYPE_CHECKING:
    from datetime import date

    from weightmark.attestations.checks import Check
    from weightmark.cli.render import Document
    from weightmark.scanners.baseline import Baseline
    from weightmark.scanners.engines import Engine
    from weightmark.scanners.findings import Severity
    from weightmark.scanners.limits import Limits
    from weightmark.scanners.tree import TreeScan

__all__ = ["scan"]

_FORMATS = ("text", "json", "jsonl", "sarif", "junit", "github", "markdown")
_LARGEST_REASON = 500
_LONGEST_NUMBER = 18


@command("scan", formats=_FORMATS)
@click.argument("paths", metavar="PATH...", nargs=-1)
@option(
    "--from-file",
    metavar="FILE",
    type=click.Path(),
    help="Also scan the paths in this file, one a line; `-` is stdin",
)
@fail_on_option("Exit with 1 from this severity on")
@option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found")
@option(
    "--engine",
    metavar="NAME",
    multiple=True,
    default=("weightmark",),
    help="Who scans: weightmark, modelscan as a second opinion, a plugin, or all (default: weightmark); may be given several times",
)
@option(
    "--baseline",
    metavar="FILE",
    type=click.Path(),
    help="Accept the findings that this file accepts",
)
@option(
    "--write-baseline",
    metavar="FILE",
    type=click.Path(),
    help="Add what is found to this file, with `--reason` and `--expires`, and accept it",
)
@option(
    "--limit",
    metavar="NAME=NUMBER",
    multiple=True,
    help="What one file may cost, as `seconds=60` or `depth=4`; may be given several times",
)
@option("--reason", metavar="TEXT", help="For `--write-baseline`: why it is accepted")
@option("--expires", metavar="DATE", help="For `--write-baseline`: the last day, as 2027-01-31")
@report_option(_FORMATS)
@events_options()
@pass_console
def scan(
    console: Console,
    paths: tuple[str, ...],
    *,
    from_file: str | None,
    fail_on: str,
    exit_zero: bool,
    engine: tuple[str, ...],
    baseline: str | None,
    write_baseline: str | None,
    limit: tuple[str, ...],
    reason: str | None,
    expires: str | None,
    report: tuple[str, ...],
) -> NoReturn:
    """Look for what would run code or reach elsewhere when a file is opened.

    PATH is a file, a folder, a pattern as `models/**/*.bin`, or `-` for one file on stdin; with
    `--offline` also `hf://owner/name@REVISION`, out of the hub's cache. Files are told apart by content,
    never by name, and nothing is loaded.
    """
    from weightmark.scanners.engines import engines_named
    from weightmark.scanners.findings import Severity

    with also_reported((), console):
        reports = read_reports(
            report, _FORMATS, others=(console.output, write_baseline), judged=_standing(paths)
        )
    with also_reported(reports, console):
        named, engines = scanned_paths(paths, from_file), engines_named(engine, _limits(limit))
        accepting = _Acceptance.of(baseline, write_baseline, reason, expires)
        document = _scan_all(
            console, named, engines, accepting, Severity.parse(fail_on), exit_zero=exit_zero
        )
    console.finish(with_reports(document, reports, lambda _, shown: shown, console.verbose))


def _standing(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders among paths: a report in one would change what was scanned."""
    return tuple(path for path in paths if Path(path).is_dir())


def _scan_all(
    console: Console,
    named: tuple[str, ...],
    engines: "Sequence[Engine]",
    accepting: "_Acceptance",
    threshold: "Severity",
    *,
    exit_zero: bool,
) -> "Document":
    """Scan each path; the error of one hides no other, and with one only it ends the call."""
    trees: list[tuple[str, TreeScan]] = []
    failures: list[tuple[str, WeightmarkError]] = []
    for path in named:
        try:
            trees.append((path, _scan_one(console, path, engines, identify=accepting.wanted)))
        except WeightmarkError as error:
            if len(named) == 1:
                raise
            failures.append((path, error))
    described = [_described(console, tree) for _, tree in trees]
    judged = zip(accepting.judge(trees), described, strict=True)
    scanned = [replace(one, described=checks) for one, checks in judged]
    return scan_document(
        scanned,
        failures,
        threshold,
        exit_zero=exit_zero,
        foreign=accepting.foreign(trees),
    )


def _described(console: Console, tree: "TreeScan") -> "tuple[Check, ...]":
    """Hold what a dataset says of itself against its files."""
    if tree.artifact.single:
        return ()
    from weightmark.attestations.dataset_checks import check_description

    with console.progress(None) as progress:
        return check_description(tree.artifact, progress=progress, jobs=console.jobs)


def _scan_one(
    console: Console, path: str, engines: "Sequence[Engine]", *, identify: bool
) -> "TreeScan":
    from weightmark.scanners.tree import scan_tree

    path = from_cache(console, path)
    with console.progress(None) as progress:
        if path == "-":
            return scan_standard_input(engines)
        return scan_tree(
            path, identify=identify, engines=engines, progress=progress, jobs=console.jobs
        )


def _limits(given: tuple[str, ...]) -> "Limits":
    """Read `NAME=NUMBER`; raises `CallError` for what is no limit or no positive number."""
    from weightmark.scanners.limits import Limits

    chosen: dict[str, object] = {}
    for word in given:
        name, _, text = word.partition("=")
        if name in chosen:
            raise CallError(f"the limit `{name}` is given twice")
        whole = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
        chosen[name] = int(text) if whole else text
    return Limits.of(chosen)


class _Acceptance:
    """What the caller says about findings that are known already."""

    def __init__(self, baseline: "Baseline", named: tuple[str, ...]) -> None:
        self._baseline = baseline
        self._named = named
        self._write: Path | None = None
        self._reason = ""
        self._expires: date | None = None

    @classmethod
    def of(
        cls, baseline: str | None, written: str | None, reason: str | None, expires: str | None
    ) -> "_Acceptance":
        """Read the baselines; raises `CallError` when options do not fit each other."""
        from weightmark.scanners.baseline import Baseline

        if not written and (reason or expires):
            raise CallError(
                "`--reason` and `--expires` belong to `--write-baseline FILE`",
                fix="name the file to write, or leave them out",
            )
        found = Baseline.load(Path(baseline)) if baseline else Baseline()
        one = cls(found, tuple(name for name in (baseline, written) if name))
        if written:
            one.write_to(Path(written), reason, expires)
        return one

    @property
    def wanted(self) -> bool:
        """Whether identities are needed."""
        return bool(self._named)

    def foreign(self, trees: "Sequence[tuple[str, TreeScan]]") -> int:
        """Return how many entries are for other content than anything that was scanned."""
        scanned = {tree.identity for _, tree in trees}
        return sum(entry.identity not in scanned for entry in self._baseline.entries)

    def write_to(self, path: Path, reason: str | None, expires: str | None) -> None:
        """Keep what a file to be written says already; raises `CallError`."""
        from weightmark.scanners.baseline import Baseline

        if not reason or not reason.strip() or not expires:
            raise CallError(
                "`--write-baseline` needs `--reason TEXT` and `--expires DATE`",
                why="whoever reads the file must know why a finding is accepted, and until when",
                fix='as in `--write-baseline FILE --reason "reviewed by hand" --expires 2027-01-31`',
            )
        if len(reason) > _LARGEST_REASON:
            raise CallError(
                f"`--reason` is over {_LARGEST_REASON} characters", fix="say it shorter"
            )
        self._write, self._reason, self._expires = path, reason, _day(expires)
        if path.exists():
            written = Baseline.load(path)
            self._baseline = Baseline((*self._baseline.entries, *written.entries))

    def judge(self, trees: "Sequence[tuple[str, TreeScan]]") -> list[Scanned]:
        """Part every report into what counts and what is accepted; write the file asked for."""
        from datetime import UTC, datetime

        for given, tree in trees:
            self._require_outside(given, tree)
        if self._write is not None and self._expires is not None:
            self._extend(trees, self._write, self._expires)
        today = datetime.now(UTC).date()
        return [
            Scanned(
                path,
                self._baseline.judge(tree.report, tree.artifact, tree.identity, today=today),
                identified=not self.wanted or bool(tree.identity),
                single=tree.artifact.single,
            )
            for path, tree in trees
        ]

    def _extend(
        self, trees: "Sequence[tuple[str, TreeScan]]", written: Path, expires: "date"
    ) -> None:
        from weightmark.provenance.atomic import replace_files

        for _, tree in trees:
            self._baseline = self._baseline.extended(
                tree.report, tree.artifact, tree.identity, self._reason, expires
            )
        replace_files({written.resolve(): self._baseline.to_toml().encode("ascii")})

    def _require_outside(self, given: str, tree: "TreeScan") -> None:
        """Refuse a baseline inside of what it judges: whoever made the artifact would accept it."""
        for name in self._named:
            if not tree.artifact.single and Path(name).resolve().is_relative_to(tree.artifact.path):
                raise CallError(
                    f"the baseline `{name}` lies inside of `{given}`",
                    why="an artifact must not accept its own findings",
                    fix="keep it elsewhere",
                )


def _day(text: str) -> "date":
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CallError(f"`{text}` is no date", fix="write it as 2027-01-31") from None
