"""What makes a function a command: name, environment twins, settings files and a `Console`."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from weightmark.cli.console import CONSOLE_META, Console
from weightmark.cli.options.common import (
    COMMON_META,
    DEFAULT_FORMATS,
    FlagOption,
    common_options,
    environment_twins,
)
from weightmark.cli.options.events import aftermath_of
from weightmark.errors import CallError, WeightmarkError, read_failure
from weightmark.settings import Settings

__all__ = ["WeightmarkCommand", "command"]

F = TypeVar("F", bound=Callable[..., Any])


class WeightmarkCommand(click.Command):
    """A command that reads settings files and puts a `Console` into `ctx.obj`."""

    def __init__(self, name: str, **attrs: Any) -> None:
        """Make the command with the words `name`, as `sign` or `ledger append`."""
        super().__init__(name.rpartition(" ")[2], **attrs)
        self.path = name
        for flag_option in self.flag_options():
            twins = environment_twins(self.path, flag_option.flag)
            flag_option.envvar = twins[:1] if self.is_own(flag_option) else twins

    def flag_options(self) -> list[FlagOption]:
        """Return all options but `--help`."""
        return [param for param in self.params if isinstance(param, FlagOption)]

    def is_own(self, flag_option: FlagOption) -> bool:
        """Return whether a flag means something else here than on other commands.

        `--output` of a file that the command makes, `--format` of what it makes, and `--format` where
        there is only one. What is set for all commands at once does not reach them.
        """
        if flag_option.flag in {"output", "format"} and not flag_option.common:
            return True
        kind = flag_option.type
        return (
            flag_option.common
            and flag_option.flag == "format"
            and isinstance(kind, click.Choice)
            and len(kind.choices) == 1
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the settings files that apply, then parse, then make the console."""
        given = list(args)
        try:
            return self._parsed(ctx, args)
        except (click.UsageError, WeightmarkError) as error:
            if isinstance(error, click.UsageError) and error.ctx is None:
                error.ctx = ctx
            if not ctx.resilient_parsing:
                from weightmark.cli.unanswered import leave_error

                leave_error(self, ctx, given, error)
            raise

    def _parsed(self, ctx: click.Context, args: list[str]) -> list[str]:
        settings = Settings() if ctx.resilient_parsing else self._settings(ctx, args)
        try:
            rest = super().parse_args(ctx, args)
        except click.MissingParameter as error:
            raise _explained(error, settings) from error
        self._refuse_empty_words(ctx)
        self._refuse_to_overwrite(ctx)
        ctx.obj = _console(ctx, settings.with_origins(self._origins(ctx)), self.path)
        ctx.meta[CONSOLE_META] = ctx.obj
        for note in settings.notes:
            ctx.obj.note(note)
        for path in settings.files:
            ctx.obj.detail(f"settings from `{path}`")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whoever is to be told of its answer is told of a call without one as well."""
        try:
            return super().invoke(ctx)
        except (WeightmarkError, OSError) as error:
            aftermath = ctx.obj.aftermath
            if aftermath is None:
                raise
            known = (
                error if isinstance(error, WeightmarkError) else read_failure(ctx.info_name, error)
            )
            told = aftermath.of_failure(known)
            if told is known:
                raise
            raise told from error

    def _refuse_empty_words(self, ctx: click.Context) -> None:
        """Refuse an empty path or name: an unset variable must not mean the current folder."""
        for param in self.params:
            value = ctx.params.get(param.name or "")
            values = value if isinstance(value, tuple) else (value,)
            if "" in values:
                name = (
                    f"--{param.flag}"
                    if isinstance(param, FlagOption)
                    else param.human_readable_name
                )
                raise CallError(
                    f"`{name}` is empty",
                    why="an empty word is often a variable that was not set",
                    fix="say what is meant, or leave it out",
                )

    def _refuse_to_overwrite(self, ctx: click.Context) -> None:
        """Refuse an answer in the place of what the call reads."""
        if ctx.resilient_parsing:
            return
        from weightmark.cli.overwriting import require_apart

        require_apart(self, {**ctx.params, **ctx.meta.get(COMMON_META, {})})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of this command first, then those of a section, then those that every command has."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        common: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            if isinstance(param, click.Argument):
                continue
            record = param.get_help_record(ctx)
            if record is not None:
                if not isinstance(param, FlagOption) or param.common:
                    common.append(record)
                else:
                    sections.setdefault(param.section or "Options", []).append(record)
        for title, records in (*sections.items(), ("On every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def _settings(self, ctx: click.Context, args: Sequence[str]) -> Settings:
        from weightmark.cli.configuration import settings_for

        given, _, _ = self.make_parser(ctx).parse_args(list(args))
        if given.get("help"):
            return Settings()
        settings, defaults = settings_for(self, ctx, given)
        ctx.default_map = defaults
        return settings

    def _origins(self, ctx: click.Context) -> dict[str, str]:
        origins: dict[str, str] = {}
        for flag_option in self.flag_options():
            source = ctx.get_parameter_source(flag_option.name or "")
            if source is ParameterSource.COMMANDLINE:
                origins[flag_option.flag] = f"--{flag_option.flag}"
            elif source is ParameterSource.ENVIRONMENT:
                origins[flag_option.flag] = flag_option.variable_in_use()
        return origins


def command(
    path: str,
    *,
    formats: Sequence[str] = DEFAULT_FORMATS,
    own_output: bool = False,
    own_format: bool = False,
    **attrs: Any,
) -> Callable[[Callable[..., Any]], WeightmarkCommand]:
    """Make a command of a function; `path` is `sign` or, in a group, `ledger append`.

    The options that every command has are added; `formats` are the output forms, default first.
    With `own_output` the command declares `-o`, `--output` itself, for a file that it makes, and
    the answer goes to stdout. With `own_format` it declares `--format` itself, which then names
    what is made; the answer is text.
    """

    def make(function: Callable[..., Any]) -> WeightmarkCommand:
        decorated = common_options(formats, own_output=own_output, own_format=own_format)(function)
        return click.command(path, cls=WeightmarkCommand, **attrs)(decorated)

    return make


def _explained(error: click.MissingParameter, settings: Settings) -> Exception:
    """Say that a settings file had the missing option, where it was not allowed to set it."""
    flag = error.param.flag if isinstance(error.param, FlagOption) else ""
    reason = settings.ignored.get(flag)
    if reason is None:
        return error
    return CallError(
        f"missing option `--{flag}`",
        why=reason,
        fix=f"name it with `--{flag}`, or the file with `--config FILE`",
    )


def _console(ctx: click.Context, settings: Settings, command: str) -> Console:
    common = ctx.meta.get(COMMON_META, {})
    output, offline = common.get("output") or "-", bool(common.get("offline"))
    return Console(
        format=common.get("format") or "text",
        output=output,
        quiet=bool(common.get("quiet")),
        verbose=common.get("verbose") or 0,
        color=common.get("color") or "auto",
        show_progress=not common.get("no_progress"),
        offline=offline,
        jobs=common.get("jobs") or _cores(),
        settings=settings,
        aftermath=aftermath_of(ctx, command, output=output, offline=offline),
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
