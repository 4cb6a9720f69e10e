"""`weightmark doctor`: can this installation do its work, and with what set-up?"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

import weightmark
from weightmark.attestations.checks import counted
from weightmark.cli.command import WeightmarkCommand
from weightmark.cli.console import Console, pass_console
from weightmark.cli.doctor.calls import misfits
from weightmark.cli.doctor.interface import Examined, Verdict, check_lines
from weightmark.cli.options.common import COMMON_META, common_options, option
from weightmark.cli.render import Document
from weightmark.errors import CallError, Exit, SettingsError, WeightmarkError
from weightmark.settings import Settings

__all__ = ["doctor"]


class _Doctor(WeightmarkCommand):
    """A command that runs although a settings file is broken: saying so is its work."""

    def _settings(self, ctx: click.Context, args: Sequence[str]) -> Settings:
        try:
            settings = super()._settings(ctx, args)
        except (CallError, SettingsError):
            return Settings()
        if next(misfits(self, ctx, ctx.default_map or {}), None):
            ctx.default_map = None
            return Settings()
        return settings


@click.command("doctor", cls=_Doctor)
@common_options()
@option(
    "--online",
    is_flag=True,
    harmless=False,
    help="Ask the services that this set-up names, and compare their clocks with this one",
)
@pass_console
def doctor(console: Console, *, online: bool) -> NoReturn:
    """Look at this installation and its set-up, and say what is wrong and how to mend it.

    Python, libraries and extras, environment variables and settings files, policies, keys and trust files,
    folders and caches, ledgers, clock, terminal and network. Nothing is changed, and nothing is asked over the
    network without `--online`. Warnings change no exit code; 4 says that something would keep a check from being made.
    """
    if online and console.offline:
        raise CallError("`--online` and `--offline` contradict each other", fix="give one of them")
    examined = tuple(_examine(console, online=online))
    bad = sum(one.verdict is Verdict.BAD for one in examined)
    warnings = sum(one.verdict is Verdict.WARN for one in examined)
    said = f", {counted(warnings, 'warning')}" if warnings else ""
    console.finish(
        Document(
            "weightmark/doctor/v1",
            Exit.UNCHECKED if bad else Exit.GOOD,
            verdict="unfit" if bad else "fit",
            headline=f"{bad} of {len(examined)} checks failed{said}" if bad else f"ready{said}",
            checks=check_lines(examined),
            facts={
                "version": weightmark.__version__,
                "entries": [one.facts() for one in examined],
            },
        )
    )


def _examine(console: Console, *, online: bool) -> Iterator[Examined]:
    from weightmark.cli.doctor.calls import (
        examine_commands,
        examine_environment,
        examine_settings,
        gather_said,
    )
    from weightmark.cli.doctor.installation import examine_installation
    from weightmark.cli.doctor.ledgers import examine_ledgers
    from weightmark.cli.doctor.machine import examine_machine
    from weightmark.cli.doctor.network import examine_network
    from weightmark.cli.doctor.places import examine_places
    from weightmark.cli.doctor.receivers import examine_events
    from weightmark.cli.doctor.trusting import examine_trust

    now = datetime.now(UTC)
    common = click.get_current_context().meta.get(COMMON_META, {})
    said = gather_said(common.get("config"), isolated=bool(common.get("isolated")))
    yield from examine_installation()
    yield from examine_commands()
    yield from examine_machine(now, jobs=console.jobs)
    yield from _guarded("home", lambda: examine_places(Path.cwd()))
    yield from _guarded("environment", examine_environment)
    yield from _guarded("settings", lambda: examine_settings(said))
    yield from _guarded("events", lambda: examine_events(said))
    yield from _guarded("trust", lambda: examine_trust(said, now))
    yield from _guarded("ledger", lambda: examine_ledgers(said))
    yield from _guarded("network", lambda: examine_network(said, now, online=online))


def _guarded(title: str, examine: Callable[[], Iterator[Examined]]) -> Iterator[Examined]:
    """Go on with what comes after, whatever a place that cannot be entered does to one part."""
    try:
        yield from examine()
    except OSError as error:
        seen = f"`{error.filename}` cannot be looked at" if error.filename else "not looked at"
        why = error.strerror or type(error).__name__
        fix = "check its permissions and the variables that name it"
        yield Examined(f"{title}:unreadable", title, Verdict.BAD, seen, why, fix)
    except WeightmarkError as error:
        fix = error.fix or "check the place that it names"
        yield Examined(f"{title}:unreadable", title, Verdict.BAD, error.what, error.why, fix)
