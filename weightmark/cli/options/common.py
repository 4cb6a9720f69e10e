"""Every option of every command is made here, so that each has its two environment twins."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from weightmark.errors import CallError

__all__ = [
    "DEFAULT_FORMATS",
    "FILE_OR_URI",
    "FlagOption",
    "common_options",
    "environment_twins",
    "option",
    "trust_options",
]

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_FORMATS = ("text", "json")
"""the output forms that every command has"""

COMMON_META = "weightmark.common"
"""where the common options of a call are kept in `click.Context.meta`"""

_KEY_SCHEMES = ("sha256:", "key:", "pkcs11:", "awskms:", "gcpkms:", "azurekms:", "hv:")
_KEY_ALIASES = ("--public-key", "--public_key", "--private-key", "--private_key")


class FileOrUri(click.types.StringParamType):
    """A file name, or a URI with `://` or of a key; only the first is relative to a settings file."""

    name = "file|uri"

    def anchor(self, value: str, directory: Path) -> str:
        """Return `value` as it is meant when a settings file in `directory` says it."""
        is_uri = "://" in value or value.startswith(_KEY_SCHEMES)
        return value if is_uri else str(directory / value)


FILE_OR_URI = FileOrUri()
"""the parameter type for `FILE|URI`"""


class FlagOption(click.Option):
    """An option with two environment twins and aliases that other tools use for it."""

    def __init__(
        self,
        param_decls: Sequence[str] | None = None,
        *,
        aliases: Sequence[str] = (),
        harmless: bool = False,
        common: bool = False,
        once: bool = False,
        **attrs: Any,
    ) -> None:
        """Make an option; `aliases` are understood and not shown.

        `harmless` options cannot change a verdict, what is trusted, what is written or what is
        told, so a settings file that was merely found may set them. `common` options stand in a
        help section of their own, and so do options with a `section`.
        An option that is given twice keeps the last value, unless `once` refuses the second.
        """
        super().__init__(param_decls, **attrs)
        self.aliases = tuple(aliases)
        self.harmless = harmless
        self.common = common
        self.once = once
        self.section = ""

    @property
    def flag(self) -> str:
        """The first long name without dashes, as settings files spell it."""
        return next(name for name in self.opts if name.startswith("--")).removeprefix("--")

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Teach the parser the aliases, too."""
        shown, multiple = self.opts, self.multiple
        self.opts = [*shown, *self.aliases]
        self.multiple = multiple or self.once
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts, self.multiple = shown, multiple

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> Any:
        """Return the value and where it came from; raises `CallError` for a second one."""
        given = opts.get(self.name or "")
        if self.once and isinstance(given, list):
            if len(given) > 1:
                raise CallError(
                    f"`--{self.flag}` was given {len(given)} times",
                    why="this call takes one, and which of them is meant can't be guessed",
                    fix="give it once",
                )
            opts = {**opts, self.name or "": given[0]}
        return super().consume_value(ctx, opts)

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Return the value of the environment; a repeatable option takes one value a line."""
        if self.multiple:
            text = self.resolve_envvar_value(ctx)
            return None if text is None else [line for line in text.splitlines() if line.strip()]
        return super().value_from_envvar(ctx)

    def variable_in_use(self) -> str:
        """Return the environment variable that supplies the value; empty when none does."""
        names = self.envvar if isinstance(self.envvar, list) else []
        return next((name for name in names if os.environ.get(name)), "")


def environment_twins(command: str, flag: str) -> list[str]:
    """Return the names of the variables that stand for a flag, the stronger one first.

    >>> environment_twins("ledger append", "fail-on")
    ['WEIGHTMARK_LEDGER_APPEND_FAIL_ON', 'WEIGHTMARK_FAIL_ON']
    """
    words = [*command.split(), flag]
    names = ["_".join(["WEIGHTMARK", *words]), f"WEIGHTMARK_{flag}"]
    return [name.upper().replace("-", "_") for name in names]


def option(
    *names: str, aliases: Sequence[str] = (), harmless: bool = False, **attrs: Any
) -> Callable[[F], F]:
    """Declare an option of one command; the rest is as in `click.option`.

    `aliases` are hidden spellings of other tools. `harmless=True` is for options that cannot
    change a verdict, what is trusted, what is written or what is told.
    """
    return click.option(*names, cls=FlagOption, aliases=aliases, harmless=harmless, **attrs)


def trust_options(*, signing: bool = False, several: bool = False) -> Callable[[F], F]:
    """Add `--key`: a private key when `signing`, else a public one.

    It arrives as `key: str | None`, with `several` as `key: tuple[str, ...]`. Spellings of
    cosign, gh and model_signing are understood.
    """
    text = "Private key to sign with" if signing else "Public key of the signer that you trust"
    return option(
        "--key",
        metavar="FILE|URI",
        type=FILE_OR_URI,
        aliases=_KEY_ALIASES,
        multiple=several,
        once=not several,
        help=f"{text}; may be given several times, any one suffices" if several else text,
    )


def common_options(
    formats: Sequence[str] = DEFAULT_FORMATS, *, own_output: bool = False, own_format: bool = False
) -> Callable[[F], F]:
    """Add what every command has; `command()` does this, so commands need not."""
    added: list[Callable[[Any], Any]] = [
        _common(
            "-q",
            "--quiet",
            is_flag=True,
            harmless=False,
            help="Say only what was asked for and what failed",
        ),
        _common("-v", "--verbose", count=True, help="Say more; twice for even more"),
        _common(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            help="Use colour; `auto` looks at the terminal, NO_COLOR and CLICOLOR_FORCE",
        ),
        _common("--no-progress", is_flag=True, help="Show no progress"),
        _common("--offline", is_flag=True, help="Use no network; what needs it exits with 4"),
        _common("--config", metavar="FILE", harmless=False, help="Read settings from this file"),
        _common("--isolated", is_flag=True, harmless=False, help="Read no settings file at all"),
        _common(
            "--jobs",
            type=click.IntRange(min=1, max=1024),
            metavar="N",
            help="Work on so many things at once (default: the cores of this process)",
        ),
    ]
    if not own_output:
        added.insert(0, _output_option())
    if not own_format:
        added.insert(0, _format_option(formats))

    def add(function: F) -> F:
        for decorate in reversed(added):
            function = decorate(function)
        return function

    return add


def _format_option(formats: Sequence[str]) -> Callable[[F], F]:
    return _common(
        "-f",
        "--format",
        type=click.Choice(list(formats)),
        default=formats[0],
        help="Form of the output",
    )


def _output_option() -> Callable[[F], F]:
    return _common(
        "-o",
        "--output",
        metavar="FILE",
        default="-",
        harmless=False,
        help="Write the answer there instead of to stdout; `-` is stdout",
    )


def _common(*names: str, harmless: bool = True, **attrs: Any) -> Callable[[F], F]:
    return click.option(
        *names,
        cls=FlagOption,
        common=True,
        harmless=harmless,
        expose_value=False,
        callback=_remember,
        **attrs,
    )


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    ctx.meta.setdefault(COMMON_META, {})[param.name] = value
    return value
