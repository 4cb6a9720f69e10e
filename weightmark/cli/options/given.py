"""What was said on the command line itself, and not by an environment variable that serves other commands, too."""

import click
from click.core import ParameterSource

__all__ = ["said_on_the_line"]


def said_on_the_line(*names: str) -> str:
    """Return the first of these options of the running command that stands on its line, as `--key`; else nothing."""
    ctx = click.get_current_context()
    for name in names:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            return f"--{name.replace('_', '-')}"
    return ""
