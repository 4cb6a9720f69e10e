"""How a command talks: data to stdout or `-o`, everything else to stderr."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from weightmark.cli.progress import Progress
from weightmark.cli.render import Document, Style, renderer
from weightmark.cli.streams import say, shows_unicode, write_stdout
from weightmark.settings import DEFAULT, Settings
from weightmark.values import dataclass
from weightmark.visible import visible

if TYPE_CHECKING:
    from weightmark.cli.telling.aftermath import Aftermath

__all__ = [
    "CONSOLE_META",
    "Console",
    "pass_console",
    "say",
    "wants_color",
    "write_stdout",
]


CONSOLE_META = "weightmark.console"
"""where the console of a call is kept in `click.Context.meta`, for the report of a failure"""


@dataclass(frozen=True, slots=True)
class Console:
    """What the caller asked for about output and means; commands find it with `pass_console`."""

    format: str = "text"
    """a name in `weightmark.cli.render.FORMATS`"""
    output: str = "-"
    """the file of `-o`; `-` is stdout"""
    quiet: bool = False
    """no notes, no hints, and nothing about what passed"""
    verbose: int = 0
    """0, 1 or 2"""
    color: str = "auto"
    """`auto`, `always` or `never`"""
    show_progress: bool = True
    """False with `--no-progress`"""
    offline: bool = False
    """no network at all"""
    jobs: int = 1
    """how many threads or processes may work at once"""
    settings: Settings = field(default_factory=Settings)
    """where each flag's value came from"""
    aftermath: "Aftermath | None" = None
    """who is told of the answer before it is given; None for nobody"""

    def finish(self, document: Document) -> NoReturn:
        """Show the document in the form asked for and exit with its code.

        Raises `ReadError` when the output cannot be written: then nobody got the answer.
        """
        document = self.told(document)
        to_file = self.output != "-"
        stream = sys.stdout
        style = Style(
            color=not to_file and wants_color(self.color, stream),
            quiet=self.quiet,
            verbose=self.verbose,
            unicode=to_file or shows_unicode(stream),
        )
        self.write(renderer(self.format).render(document, style))
        raise SystemExit(int(document.exit))

    def told(self, document: Document) -> Document:
        """Tell whoever is to be told of an answer, once; returns it with what was done about it.

        `finish` does this, so only a command that goes on after its decision has to. Raises
        `NetworkError` when events that are required were not delivered.
        """
        return self.aftermath.of(document) if self.aftermath else document

    def write(self, text: str) -> None:
        """Write text to stdout, or to the file of `-o` in one piece; raises `ReadError`."""
        if self.output == "-":
            write_stdout(text)
            return
        from weightmark.provenance.atomic import replace_files

        replace_files({Path(self.output).resolve(): text.encode("utf-8", "backslashreplace")})

    def note(self, text: str) -> None:
        """Say something on stderr that is worth knowing; silent with `--quiet`."""
        self._say(text)

    def hint(self, text: str) -> None:
        """Suggest the next step on stderr; silent with `--quiet`."""
        self._say(f"hint: {text}")

    def detail(self, text: str) -> None:
        """Say something on stderr that only `--verbose` asks for."""
        if self.verbose:
            self._say(text)

    def tell_origins(self, flags: Iterable[str]) -> None:
        """Say on stderr which of `flags` have their values from elsewhere than the command line; silent with `--quiet`.

        Of what the caller wrote, and of what nobody set, nothing is said.
        """
        for flag in flags:
            origin = self.settings.origin(flag)
            if origin not in {DEFAULT, f"--{flag}"}:
                self._say(f"{flag}: from {origin}")

    def progress(self, total: int | None) -> Progress:
        """Return a progress line towards `total` bytes; use it in a `with` statement."""
        enabled = self.show_progress and not self.quiet and sys.stderr.isatty()
        return Progress(sys.stderr, total, enabled=enabled)

    def _say(self, text: str) -> None:
        if not self.quiet:
            say(f"{visible(text)}\n")


pass_console = click.make_pass_decorator(Console)
"""hands the `Console` of the call to a command as its first argument"""


def wants_color(choice: str, stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Decide about colour: `--color`, then `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR`, then a terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("CLICOLOR_FORCE", "0") not in {"", "0"}:
        return True
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()
