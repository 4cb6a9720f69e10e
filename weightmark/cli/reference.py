"""Reference pages that are generated from the commands themselves."""

from collections.abc import Iterator

from weightmark.cli.app import walk
from weightmark.cli.command import WeightmarkCommand
from weightmark.cli.options.common import FlagOption, environment_twins

__all__ = ["environment_page"]

_INTRODUCTION = """\
# Environment variables

Every flag of every command can be set by two environment variables. The one that names the
command is stronger; a flag on the command line is stronger than both; a settings file is weaker.
An empty variable counts as not set. A switch takes `1`, `true`, `yes` or `0`, `false`, `no`; a
repeatable flag takes one value a line.

`WEIGHTMARK_PASSPHRASE` holds the passphrase of the private key, for every command that signs and
for `key generate`. It belongs to no flag; `--passphrase-file` is stronger. `WEIGHTMARK_EVENTS_SECRET` holds the secret
that signs what a webhook of `--events` gets; `--events-secret-file` is stronger.

Two kinds of flag have no variable for all commands at once, only the one that names the command:
`--output` of a command that makes a file, and `--format` of a command that only has text.

A variable for all commands reaches more than one may think: `WEIGHTMARK_KEY` is the private key of
`sign` and the public key of `verify`, and `WEIGHTMARK_MODE` or `WEIGHTMARK_POLICY` change what
`gate` decides. Prefer the variable that names the command. `gate` says which of its settings come
from the environment.
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
        twins = environment_twins(command, option.flag)
        variables = twins if option.common else option.envvar
        names = ", ".join(f"`{name}`" for name in variables or ())
        yield f"| `--{option.flag}` | {names} |"
