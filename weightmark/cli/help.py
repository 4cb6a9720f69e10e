"""`weightmark help`: the help page of a command, or the list of all commands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.render import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.cli.app import Entry

__all__ = ["help_"]


@command("help", formats=("text",))
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@option("--all", "everything", is_flag=True, harmless=True, help="List every command")
@option(
    "--environment",
    is_flag=True,
    harmless=True,
    help="List the environment variables of every flag, as Markdown",
)
@pass_console
def help_(
    console: Console, words: tuple[str, ...], *, everything: bool, environment: bool
) -> NoReturn:
    """Show the help page of COMMAND, or of weightmark."""
    if environment:
        from weightmark.cli.reference import environment_page

        text = environment_page()
    else:
        text = _all_commands() if everything and not words else _page(words)
    lines = tuple(text.rstrip("\n").splitlines())
    console.finish(Document("weightmark/help/v1", Exit.GOOD, lines=lines))


def _page(words: tuple[str, ...]) -> str:
    from weightmark.cli.app import app

    found: click.Command = app
    ctx = click.Context(app, info_name="weightmark", **app.context_settings)
    rest = list(words)
    while rest:
        if not isinstance(found, click.Group):
            raise click.UsageError(f"`{ctx.command_path}` has no commands of its own", ctx)
        name, member, rest = found.resolve_command(ctx, rest)
        if member is None:
            break
        found = member
        ctx = click.Context(found, parent=ctx, info_name=name)
    return found.get_help(ctx)


def _all_commands() -> str:
    from weightmark.cli.app import COMMANDS, write_commands

    rows = dict(
        row for name, entry in COMMANDS.items() for row in _rows(name, entry, entry.heading)
    )
    formatter = click.HelpFormatter(width=100)
    write_commands(formatter, rows, everything=True)
    return formatter.getvalue().lstrip("\n")


def _rows(words: str, entry: "Entry", heading: str) -> Iterator[tuple[str, "Entry"]]:
    if entry.target:
        yield words, type(entry)(entry.target, entry.help, heading)
    for name, member in (entry.members or {}).items():
        yield from _rows(f"{words} {name}", member, heading)
