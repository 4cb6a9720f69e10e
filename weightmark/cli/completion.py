"""`weightmark completion`: print a shell completion script."""

from typing import NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.render import Document
from weightmark.errors import Exit

__all__ = ["SHELLS", "completion", "script"]

SHELLS = ("bash", "zsh", "fish")
"""the shells for which there is a script"""


@command("completion", formats=("text",))
@click.argument("shell", type=click.Choice(SHELLS))
@pass_console
def completion(console: Console, shell: str) -> NoReturn:
    """Print the completion script for a shell.

    \b
    bash:  weightmark completion bash > ~/.local/share/bash-completion/completions/weightmark
    zsh:   weightmark completion zsh > ~/.zfunc/_weightmark
    fish:  weightmark completion fish > ~/.config/fish/completions/weightmark.fish
    """
    lines = tuple(script(shell).splitlines())
    console.finish(Document("weightmark/completion/v1", Exit.GOOD, lines=lines))


def script(shell: str) -> str:
    """Return the completion script for one of `SHELLS`, without a newline at its end."""
    from click.shell_completion import ShellComplete, get_completion_class

    from weightmark.cli.app import app

    kind = get_completion_class(shell) or ShellComplete
    return ShellComplete.source(kind(app, {}, "weightmark", "_WEIGHTMARK_COMPLETE")).strip()
