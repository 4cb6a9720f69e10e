"""`--report FORM=FILE`: one decision in several forms, so that a pipeline reads the artifact once."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import click

from weightmark.cli.console import Console
from weightmark.cli.options.common import FlagOption
from weightmark.cli.render import CheckLine, Document, Outcome, Style, renderer
from weightmark.errors import CallError, Exit, UncheckedError, WeightmarkError, read_failure
from weightmark.values import dataclass

__all__ = [
    "Report",
    "ReportOption",
    "Show",
    "also_reported",
    "is_report_option",
    "older_answers",
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


class ReportOption(FlagOption):
    """`--report`, which knows the forms that the command has."""

    def __init__(
        self, param_decls: Sequence[str] | None = None, *, forms: Sequence[str] = (), **attrs: Any
    ) -> None:
        """Make the option for these `forms`."""
        super().__init__(param_decls, **attrs)
        self.forms = tuple(forms)


def is_report_option(param: click.Parameter) -> TypeGuard[ReportOption]:
    """Tell the `--report` of this module from an option of another meaning."""
    return isinstance(param, ReportOption)


def report_option(forms: Sequence[str]) -> Callable[[F], F]:
    """Add `--report`; it arrives as `report: tuple[str, ...]`, for `read_reports`."""
    return click.option(
        "--report",
        cls=ReportOption,
        forms=forms,
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
    an artifact that is `judged`; the reports in which there is nothing wrong say so.
    """
    reports: list[Report] = []
    taken = [Path(place).resolve() for place in others if place and place != "-"]
    errors: list[CallError] = []
    for text in given:
        try:
            reports.append(_read(text, forms, judged))
        except CallError as error:
            errors.append(error)
    places = [*taken, *(one.path.resolve() for one in reports)]
    alone = [one for one in reports if places.count(one.path.resolve()) == 1]
    errors += [_twice(one) for one in reports if one not in alone]
    if not errors:
        return tuple(reports)
    for one in alone:
        with contextlib.suppress(WeightmarkError):
            one.write_failure(errors[0])
    raise errors[0]


def _read(text: str, forms: Sequence[str], judged: Sequence[str]) -> Report:
    from weightmark.attestations.outside import require_outside

    report = Report.parse(text, forms)
    for artifact in judged:
        require_outside(Path(artifact), report.path, "the report")
    return report


def _twice(report: Report) -> CallError:
    return CallError(
        f"`{report.path}` is to be written twice",
        why="what is written last would replace the rest",
        fix="give each file a name of its own",
    )


@contextlib.contextmanager
def also_reported(reports: Sequence[Report], console: Console) -> Iterator[None]:
    """Write whatever ends the call into the reports, too, and in the place of an older answer in the file of `-o`."""
    try:
        yield
    except BaseException as error:
        for one in (*reports, *older_answers(console)):
            with contextlib.suppress(WeightmarkError):
                one.write_failure(_known(error))
        raise


def older_answers(console: Console) -> tuple[Report, ...]:
    """Return the text that stands where this call was to answer; other forms are written with the error itself."""
    place = Path(console.output)
    stale = console.format == "text" and console.output != "-" and place.is_file()
    return (Report("text", place),) if stale else ()


def _known(error: BaseException) -> WeightmarkError:
    if isinstance(error, WeightmarkError):
        return error
    if isinstance(error, OSError):
        return read_failure(error.filename or "input or output", error)
    return UncheckedError("the call ended before there was an answer", why=type(error).__name__)


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
