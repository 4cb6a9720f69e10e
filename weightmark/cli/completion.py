"""`weightmark completion`: print a shell completion script."""

from typing import NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.render import Document
from weightmark.errors import Exit

__all__ = ["completion"]


@command("completion", formats=("text",))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_console
def completion(console: Console, shell: str) -> NoReturn:
    """Print the completion script for a shell.

    \b
    bash:  weightmark completion bash > ~/.local/share/bash-completion/completions/weightmark
    zsh:   weightmark completion zsh > ~/.zfunc/_weightmark
    fish:  weightmark completion fish > ~/.config/fish/completions/weightmark.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from weightmark.cli.app import app

    kind = get_completion_class(shell) or ShellComplete
    script = ShellComplete.source(kind(app, {}, "weightmark", "_WEIGHTMARK_COMPLETE"))
    console.finish(
        Document("weightmark/completion/v1", Exit.GOOD, lines=tuple(script.strip().splitlines()))
    )
