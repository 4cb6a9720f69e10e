"""`--report FORM=FILE`: one decision in several forms, so that a pipeline reads the artifact once."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click

from weightmark.cli.options.common import option
from weightmark.cli.render import CheckLine, Document, Outcome, Style, renderer
from weightmark.errors import CallError, Exit, WeightmarkError
from weightmark.values import dataclass

__all__ = [
    "Report",
    "Show",
    "also_reported",
    "read_reports",
    "report_option",
    "with_reports",
]

F = TypeVar("F", bound=Callable[..., object])
Show = Callable[[str, Document], Document]
"""what a form shows of an answer"""


class _FormAndFile(click.types.StringParamType):
    """A form and a file, joined by `=`; the file is relative to a settings file."""

    name = "form=file"

    def anchor(self, value: str, directory: Path) -> str:
        """Return `value` as it is meant when a settings file in `directory` says it."""
        form, equals, file = value.partition("=")
        return f"{form}={directory / file}" if equals and file else value


def report_option(forms: Sequence[str]) -> Callable[[F], F]:
    """Add `--report`; it arrives as `report: tuple[str, ...]`, for `read_reports`."""
    return option(
        "--report",
        metavar="FORM=FILE",
        type=_FormAndFile(),
        multiple=True,
        help=f"Also write the answer there as {', '.join(forms)}; may be given several times",
    )


@dataclass(frozen=True, slots=True)
class Report:
    """The answer in one more form."""

    form: str
    """a name in `weightmark.cli.render.FORMATS`"""
    path: Path
    """the file that is written"""

    @classmethod
    def parse(cls, text: str, forms: Sequence[str]) -> "Report":
        """Read `FORM=FILE`; raises `CallError` for a form that is not among `forms`, or for no file."""
        form, _, file = text.partition("=")
        if form in forms and file:
            return cls(form, Path(file))
        what = f"`--report {text}` " + ("names no file" if form in forms else "names no form")
        raise CallError(
            what,
            why=f"a report is `FORM=FILE`, and FORM is one of {', '.join(forms)}",
            fix="write it as `--report sarif=gate.sarif`",
        )

    def write(self, document: Document, show: Show, verbose: int) -> None:
        """Write the answer in one piece, as `-f FORM -o FILE` does; raises `ReadError`."""
        self._put(renderer(self.form).render(show(self.form, document), Style(verbose=verbose)))

    def write_failure(self, error: WeightmarkError) -> None:
        """Write why there is no answer, so that no reader takes an older report for one; raises `ReadError`."""
        from weightmark.cli.failures import answer_text

        self._put(answer_text(error, self.form))

    def _put(self, text: str) -> None:
        from weightmark.provenance.atomic import replace_files

        replace_files({self.path.resolve(): text.encode("utf-8", "backslashreplace")})


def read_reports(
    given: Sequence[str],
    forms: Sequence[str],
    *,
    others: Sequence[str | None],
    judged: Sequence[str],
) -> tuple[Report, ...]:
    """Read every `--report`.

    Raises `CallError` where two, or one and a file of `others`, are one file, and for a file inside
    an artifact that is `judged`.
    """
    from weightmark.attestations.outside import require_outside

    reports = tuple(Report.parse(text, forms) for text in given)
    taken = {Path(place).resolve() for place in others if place and place != "-"}
    for one in reports:
        place = one.path.resolve()
        if place in taken:
            raise CallError(
                f"`{one.path}` is to be written twice",
                why="what is written last would replace the rest",
                fix="give each file a name of its own",
            )
        taken.add(place)
        for artifact in judged:
            require_outside(Path(artifact), one.path, "the report")
    return reports


@contextlib.contextmanager
def also_reported(reports: Sequence[Report]) -> Iterator[None]:
    """Write whatever error ends the call into the reports, too."""
    try:
        yield
    except WeightmarkError as error:
        for one in reports:
            with contextlib.suppress(WeightmarkError):
                one.write_failure(error)
        raise


def with_reports(
    document: Document, reports: Sequence[Report], show: Show, verbose: int
) -> Document:
    """Write the reports; one that can't be written hides no decision, and the exit code is not 0."""
    failed = []
    for one in reports:
        try:
            one.write(document, show, verbose)
        except WeightmarkError as error:
            failed.append(_failure(one, error))
    if not failed:
        return document
    return replace(
        document,
        exit=Exit.worst([document.exit, Exit.UNCHECKED]),
        headline=f"{document.headline}, but not every report was written",
        checks=(*document.checks, *failed),
    )


def _failure(report: Report, error: WeightmarkError) -> CheckLine:
    return CheckLine(
        Outcome.UNCHECKED,
        "report",
        f"the report `{report.path}` was not written: {error.what}",
        error.why,
        error.fix,
        code=error.code,
    )
