"""Write reports to stdout, to `-o`, or as files of a new folder."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from weightmark.attestations.checks import counted
from weightmark.cli.console import Console
from weightmark.cli.report.calls import Call
from weightmark.errors import CallError, Exit, NoInputError

if TYPE_CHECKING:
    from weightmark.attestations.reports.artifact import Summary
    from weightmark.attestations.reports.document import Report

__all__ = ["put", "require_new", "write_index", "write_one"]


def write_index(
    console: Console, call: Call, listed: "list[Summary]", codes: list[Exit]
) -> NoReturn:
    """Write what is missing where, beside the reports themselves, and end."""
    from weightmark.attestations.reports.artifact import index_pages
    from weightmark.attestations.reports.frameworks import FRAMEWORKS

    if not listed:
        raise NoInputError("the ledger holds no artifact", fix="enter a claim about one with `weightmark ledger append`")  # fmt: skip
    code = Exit.worst(codes)
    for page in index_pages(FRAMEWORKS[call.framework], listed):
        put(call, page, code)
    console.note(f"{counted(len(listed), 'report')} and an index written to `{call.out}`")
    raise SystemExit(int(code))


def write_one(console: Console, call: Call, made: "Report", code: Exit) -> NoReturn:
    """Write one report to stdout or `-o`, or into the folder, and end."""
    from weightmark.attestations.reports.forms import form_of

    if call.out is not None:
        require_new(call.out)
        put(call, made, code)
        console.note(f"the report was written to `{call.out}`")
    else:
        console.write(form_of(call.form).render(made, code))
    raise SystemExit(int(code))


def put(call: Call, made: "Report", code: Exit) -> None:
    """Write one report as a file of the folder, whole or not at all."""
    from weightmark.attestations.reports.forms import form_of
    from weightmark.provenance.atomic import replace_files

    form = form_of(call.form)
    folder = (call.out or Path()).resolve()
    text = form.render(made, code).encode("utf-8", "backslashreplace")
    replace_files({folder / f"{made.stem}{form.suffix}": text})


def require_new(folder: Path) -> None:
    """Make the folder; refuse one that holds anything, so that no report of another time stays in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        from weightmark.errors import read_failure

        raise read_failure(folder, error) from error
    if not empty:
        raise CallError(
            f"the folder `{folder}` is not empty",
            why="reports of another time would stay beside the new ones",
            fix="name a new one with `--out`",
        )
