"""Whether environment variables and settings files say something that commands understand."""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from importlib import import_module

import click

from weightmark.attestations.checks import counted
from weightmark.cli.app import COMMANDS, Entry
from weightmark.cli.command import WeightmarkCommand
from weightmark.cli.configuration import settings_for
from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.cli.options.common import FlagOption
from weightmark.errors import SettingsError, WeightmarkError
from weightmark.settings import Settings
from weightmark.values import dataclass

__all__ = [
    "Said",
    "SaidSettings",
    "examine_commands",
    "examine_environment",
    "examine_settings",
    "gather_said",
    "misfits",
]

_PREFIX = "WEIGHTMARK_"
_OTHERS = frozenset(
    {
        "WEIGHTMARK_EVENT",
        "WEIGHTMARK_EVENTS_SECRET",
        "WEIGHTMARK_MODEL",
        "WEIGHTMARK_PASSPHRASE",
    }
)
"""variables that belong to no flag"""


@dataclass(frozen=True, slots=True)
class Said:
    """What the environment or a settings file says for one flag of one command."""

    command: str
    """as `ledger append`"""
    flag: str
    """without dashes"""
    value: str
    """one value; a repeatable flag has several of these"""
    origin: str
    """the variable, or file and table"""


@dataclass(frozen=True, slots=True)
class SaidSettings:
    """All that is said without a command line."""

    values: tuple[Said, ...] = ()
    """in the order of the commands"""
    files: tuple[str, ...] = ()
    """settings files that were read"""
    notes: tuple[str, ...] = ()
    """what was ignored, and why"""
    errors: Mapping[str, WeightmarkError] = field(default_factory=dict)
    """what is wrong, by its words"""

    def of(self, *flags: str) -> dict[str, str]:
        """Return the values of some flags, each with where it was said first."""
        found: dict[str, str] = {}
        for one in self.values:
            if one.flag in flags:
                found.setdefault(one.value, one.origin)
        return found


def gather_said(named: str | None, *, isolated: bool = False) -> SaidSettings:
    """Ask every command what it would take from environment and settings files.

    `named` is `--config`; `isolated` reads no file.
    """
    given = {name: said for name, said in (("config", named), ("isolated", isolated)) if said}
    values: list[Said] = []
    files: dict[str, None] = {}
    notes: dict[str, None] = {}
    errors: dict[str, WeightmarkError] = {}
    for words, command in _commands():
        ctx = click.Context(command, info_name=words)
        try:
            settings, taken = settings_for(command, ctx, given)
        except WeightmarkError as error:
            errors.setdefault(f"{error.what}: {error.why}", error)
            settings, taken = Settings(), {}
        errors |= {one.what: one for one in misfits(command, ctx, taken)}
        files |= dict.fromkeys(str(path) for path in settings.files)
        notes |= dict.fromkeys(settings.notes)
        values += _values(words, command, ctx, settings, taken)
    return SaidSettings(tuple(values), tuple(files), tuple(notes), errors)


def examine_environment(environment: Mapping[str, str] = os.environ) -> Iterator[Examined]:
    """Name variables that nobody reads, and values that no command takes."""
    ours = [name for name in sorted(environment) if name.startswith(_PREFIX) and environment[name]]
    known = _twins()
    said = []
    for name in ours:
        if name in known:
            said += [problem] if (problem := _refused(name, known[name])) else []
        elif name not in _OTHERS:
            said.append(_unread(name, [*known, *_OTHERS]))
    yield from said
    if not said:
        yield Examined.ok(
            "environment", f"{counted(len(ours), 'variable')} of ours, all understood"
        )


def examine_settings(said: SaidSettings) -> Iterator[Examined]:
    """Name the settings files that are read, and what is wrong in them."""
    for error in said.errors.values():
        fix = error.fix or "mend the file, or leave it out with `--isolated`"
        yield Examined("settings", "settings", Verdict.BAD, error.what, error.why, fix)
    if said.errors:
        return
    files = ", ".join(f"`{path}`" for path in said.files)
    yield Examined.note("settings", files or "no file", details=said.notes)


def examine_commands() -> Iterator[Examined]:
    """Name commands that cannot be imported; the others go on."""
    for words, target in _targets(COMMANDS):
        try:
            import_module(target.partition(":")[0])
        except ImportError as error:
            yield Examined(
                f"command:{words}", "libraries", Verdict.BAD, f"`weightmark {words}` cannot be imported",
                str(error), "`python -m pip install --force-reinstall weightmark`, by the Python that runs it",
            )  # fmt: skip


def _commands() -> Iterator[tuple[str, WeightmarkCommand]]:
    """Yield every command that can be imported with its words."""
    for words, target in _targets(COMMANDS):
        module, _, attribute = target.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except ImportError:
            continue
        if isinstance(found, WeightmarkCommand):
            yield words, found


def _targets(entries: Mapping[str, Entry], before: str = "") -> Iterator[tuple[str, str]]:
    for name, entry in entries.items():
        words = f"{before} {name}".strip()
        if entry.target:
            yield words, entry.target
        yield from _targets(entry.members or {}, words)


def _twins() -> dict[str, list[FlagOption]]:
    """Return every variable that some command reads, with the options that do."""
    found: dict[str, list[FlagOption]] = {}
    for _, command in _commands():
        for one in command.flag_options():
            for name in one.envvar or ():
                found.setdefault(name, []).append(one)
    return found


def _values(
    words: str,
    command: WeightmarkCommand,
    ctx: click.Context,
    settings: Settings,
    taken: Mapping[str, object],
) -> Iterator[Said]:
    for one in command.flag_options():
        value, origin = one.value_from_envvar(ctx), one.variable_in_use()
        if value is None and one.flag in settings.values:
            value, origin = taken.get(one.name or ""), settings.values[one.flag].origin
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, str):
                yield Said(words, one.flag, item, origin)


def _refused(name: str, options: list[FlagOption]) -> Examined | None:
    """Return what is wrong with a variable that some options read; None when all take its value."""
    refusals: list[str] = []
    for one in options:
        ctx = click.Context(click.Command("doctor"))
        try:
            one.type_cast_value(ctx, _Reading(one, name).value)
        except click.UsageError as error:
            refusals.append(error.format_message())
    if not refusals:
        return None
    everywhere = len(refusals) == len(options)
    seen = f"`{name}`: {refusals[0].partition(': ')[2] or refusals[0]}"
    why = (
        "no command takes it"
        if everywhere
        else f"{len(refusals)} of {len(options)} commands refuse it"
    )
    verdict = Verdict.BAD if everywhere else Verdict.WARN
    return Examined(
        f"variable:{name}", "environment", verdict, seen, why, f"`unset {name}`, or correct it"
    )


def _unread(name: str, known: list[str]) -> Examined:
    near = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean `{near[0]}`?" if near else "`weightmark help --environment` lists all"
    seen = f"`{name}` is set, and no command reads it"
    why = "what it was meant to say is not said"
    return Examined(f"variable:{name}", "environment", Verdict.WARN, seen, why, fix)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The value that one variable has for one option."""

    option: FlagOption
    name: str

    @property
    def value(self) -> object:
        text = os.environ.get(self.name, "")
        return (
            [line for line in text.splitlines() if line.strip()] if self.option.multiple else text
        )


def misfits(
    command: WeightmarkCommand, ctx: click.Context, taken: Mapping[str, object]
) -> Iterator[SettingsError]:
    """Yield what is wrong with values of settings files that a command takes."""
    for one in command.flag_options():
        if one.name not in taken:
            continue
        try:
            one.type_cast_value(ctx, taken[one.name])
        except click.UsageError as error:
            said = error.format_message().rstrip(".")
            yield SettingsError(
                f"`{one.flag}` in a settings file: {said.partition(': ')[2] or said}"
            )
