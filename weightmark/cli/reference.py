"""Reference pages that are generated from the commands themselves."""

from collections.abc import Iterator

from weightmark.cli.app import walk
from weightmark.cli.command import WeightmarkCommand
from weightmark.cli.options import FlagOption, environment_twins

__all__ = ["environment_page"]

_INTRODUCTION = """\
# Environment variables

Every flag of every command can be set by two environment variables. The one that names the
command is stronger; a flag on the command line is stronger than both; a settings file is weaker.
An empty variable counts as not set. A switch takes `1`, `true`, `yes` or `0`, `false`, `no`; a
repeatable flag takes one value a line.
"""


def environment_page() -> str:
    """Return the Markdown page of all environment twins; imports every command."""
    made = [command for _, command in walk() if isinstance(command, WeightmarkCommand)]
    common = [option for option in made[0].flag_options() if option.common]
    sections = [_section("On every command", "COMMAND", common)]
    sections += [
        _section(f"`weightmark {command.path}`", command.path, own)
        for command in made
        if (own := [option for option in command.flag_options() if not option.common])
    ]
    return "\n".join([_INTRODUCTION, *sections])


def _section(title: str, command: str, options: list[FlagOption]) -> str:
    rows = [f"## {title}", "", "| flag | variables |", "|---|---|", *_rows(command, options), ""]
    return "\n".join(rows)


def _rows(command: str, options: list[FlagOption]) -> Iterator[str]:
    for option in options:
        names = ", ".join(f"`{name}`" for name in environment_twins(command, option.flag))
        yield f"| `--{option.flag}` | {names} |"
