"""Files of a call that ended before it was understood: they hold the error, and no older answer is taken for this one's."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.console import CONSOLE_META, Console
from weightmark.cli.options.common import FlagOption
from weightmark.cli.overwriting import what_is_read
from weightmark.errors import CallError, WeightmarkError

if TYPE_CHECKING:
    from weightmark.cli.command import WeightmarkCommand
    from weightmark.cli.gate.reports import Report

__all__ = ["leave_error"]

_COMMON = ("format", "output", "color", "verbose")


def leave_error(
    command: "WeightmarkCommand",
    ctx: click.Context,
    args: Sequence[str],
    error: click.ClickException | WeightmarkError,
) -> None:
    """Write why a call of `command` could not be understood into its reports, and let `-o` hold it as well.

    What `args` say is read as far as that goes. No report is written into a folder that the call names, which may be
    what it wants to be judged, and nothing in the place of a file that it names.
    """
    from weightmark.cli.failures import call_error

    lenient = _lenient(command, ctx)
    given, words = _read(command, lenient, args)
    known = error if isinstance(error, WeightmarkError) else call_error(error)
    said = {
        one.flag: _value(one, lenient, given)
        for one in command.flag_options()
        if one.common and one.flag in _COMMON
    }
    values = {one.name or "": _raw(one, lenient, given) for one in command.flag_options()}
    read = what_is_read(command, values)
    output = said.get("output") or "-"
    console = Console(
        format=said.get("format") or "text",
        output="-"
        if output != "-" and (_is_one_of(output, words) or read.holds(Path(output)))
        else output,
        verbose=said.get("verbose") or 0,
        color=said.get("color") or "auto",
    )
    for one in _reports(command, console, lenient, given, words):
        if read.holds(one.path):
            continue
        with contextlib.suppress(WeightmarkError):
            one.write_failure(known)
    ctx.meta[CONSOLE_META] = console


def _lenient(command: "WeightmarkCommand", ctx: click.Context) -> click.Context:
    """Return a context in which nothing has to make sense."""
    lenient = command.context_class(
        command,
        info_name=ctx.info_name,
        ignore_unknown_options=True,
        allow_extra_args=True,
        resilient_parsing=True,
    )
    lenient.default_map = ctx.default_map
    return lenient


def _read(
    command: "WeightmarkCommand", lenient: click.Context, args: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the raw values of the flags, and all words that are none."""
    given, words, _ = command.make_parser(lenient).parse_args(list(args))
    named = (
        word
        for param in command.params
        if isinstance(param, click.Argument)
        for word in _words(given.get(param.name or ""))
    )
    return dict(given), [*words, *named]


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _raw(option: FlagOption, lenient: click.Context, given: dict[str, Any]) -> Any:
    """Return what one flag says, from wherever it comes; None for one that makes no sense."""
    try:
        return option.consume_value(lenient, given)[0]
    except (click.ClickException, WeightmarkError):
        return None


def _value(option: FlagOption, lenient: click.Context, given: dict[str, Any]) -> Any:
    """Return the value of one flag, from wherever it comes; None for one that makes no sense."""
    try:
        value, _ = option.consume_value(lenient, given)
        return option.type_cast_value(lenient, value)
    except (click.ClickException, WeightmarkError):
        return None


def _reports(
    command: "WeightmarkCommand",
    console: Console,
    lenient: click.Context,
    given: dict[str, Any],
    words: Sequence[str],
) -> "list[Report]":
    from weightmark.cli.gate.reports import Report, is_report_option, older_answers

    option = next((one for one in command.flag_options() if is_report_option(one)), None)
    if option is None:
        return []
    found = [*older_answers(console)]
    for text in _value(option, lenient, given) or ():
        with contextlib.suppress(CallError):
            report = Report.parse(text, option.forms)
            if not _lies_in(report.path, words):
                found.append(report)
    return found


def _lies_in(place: Path, words: Sequence[str]) -> bool:
    """Tell whether a file lies in, or is, anything that the call names."""
    from weightmark.attestations.outside import require_outside

    try:
        for word in words:
            require_outside(Path(word), place, "the report")
    except (CallError, ValueError, OSError):
        return True
    return False


def _is_one_of(output: str, words: Sequence[str]) -> bool:
    """Tell whether a file is one that the call names, or none at all."""
    try:
        place = Path(output).resolve()
        return any(place == Path(word).resolve() for word in words)
    except (ValueError, OSError):
        return True
