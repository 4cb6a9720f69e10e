"""What the command line says about itself, as values for pages and manuals."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from weightmark.cli.app import COMMANDS, Entry, walk
from weightmark.cli.options.common import DEFAULT_FORMATS, FlagOption


@dataclass(frozen=True)
class OptionFacts:
    """One option as its help page shows it."""

    names: str
    """as `-f, --format [text|json]`"""
    help: str
    """what it does, with its default"""
    common: bool
    """whether every command has it"""


@dataclass(frozen=True)
class CommandFacts:
    """One command as its help page shows it."""

    words: str
    """as `ledger append`"""
    summary: str
    """its line in the list of commands"""
    usage: str
    """as `weightmark ledger append [OPTIONS] FILE...`"""
    paragraphs: tuple[str, ...]
    """the help text; a paragraph with line breaks keeps them"""
    options: tuple[OptionFacts, ...]
    """in the order of the help page"""

    @property
    def own_options(self) -> tuple[OptionFacts, ...]:
        """The options that are not on every command in the same form."""
        return tuple(option for option in self.options if not option.common)


@dataclass(frozen=True)
class Family:
    """A top-level command, alone or with the commands below it."""

    name: str
    """as `ledger`"""
    summary: str
    """its line in the list of commands"""
    heading: str
    """the heading under which it stands"""
    members: tuple[CommandFacts, ...]
    """the command itself, if it is one, and those below it"""


def families() -> tuple[Family, ...]:
    """Return all commands in the order of the help page; imports every one."""
    found = dict(walk())
    return tuple(
        Family(
            name,
            entry.help,
            entry.heading,
            tuple(
                _facts(words, _entry(words), command)
                for words, command in found.items()
                if words.split()[0] == name
            ),
        )
        for name, entry in COMMANDS.items()
    )


def common_options() -> tuple[OptionFacts, ...]:
    """Return the options that every command has, as `sign` shows them."""
    return tuple(one for one in _options(dict(walk())["sign"]) if one.common)


def _entry(words: str) -> Entry:
    first, *rest = words.split()
    entry = COMMANDS[first]
    for word in rest:
        entry = (entry.members or {})[word]
    return entry


def _facts(words: str, entry: Entry, command: click.Command) -> CommandFacts:
    ctx = click.Context(command, info_name=f"weightmark {words}")
    usage = " ".join(command.get_usage(ctx).split()).removeprefix("Usage: ")
    return CommandFacts(
        words, entry.help, usage, tuple(_paragraphs(command.help or "")), tuple(_options(command))
    )


def _paragraphs(text: str) -> Iterator[str]:
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text.partition("\f")[0])):
        kept = part.startswith("\b\n")
        yield part.removeprefix("\b\n").rstrip() if kept else " ".join(part.split())


def _options(command: click.Command) -> Iterator[OptionFacts]:
    ctx = click.Context(command, info_name="weightmark", terminal_width=10_000)
    for param in command.params:
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is None:
            continue
        common = isinstance(param, FlagOption) and param.common
        yield OptionFacts(record[0], " ".join(record[1].split()), common and not _own_forms(param))


def _own_forms(param: click.Parameter) -> bool:
    """Return whether this is a `--format` that offers other forms than most commands do."""
    kind = param.type
    forms = list(kind.choices) if isinstance(kind, click.Choice) else []
    return param.name == "format" and forms != list(DEFAULT_FORMATS)
