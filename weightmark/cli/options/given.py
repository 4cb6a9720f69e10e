"""What was said on the command line itself, and not by an environment variable that serves other commands, too."""

from typing import Any

import click
from click.core import ParameterSource

__all__ = ["positional", "said_on_the_line"]


def said_on_the_line(*names: str) -> str:
    """Return the first of these options of the running command that stands on its line, as `--key`; else nothing."""
    ctx = click.get_current_context()
    for name in names:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            return f"--{name.replace('_', '-')}"
    return ""


def positional(ctx: click.Context) -> list[str]:
    """Return the words of a call that are no options: what it is about, without a command that it runs."""
    words: list[Any] = []
    for param in ctx.command.params:
        if isinstance(param, click.Argument) and param.type is not click.UNPROCESSED:
            value = ctx.params.get(param.name or "")
            words += value if isinstance(value, (list, tuple)) else [value]
    return [word for word in words if isinstance(word, str)]
