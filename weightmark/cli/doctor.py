"""`weightmark doctor`: can this installation do its work?"""

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import weightmark
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.places import cache_directory, config_directory, data_directory, state_directory
from weightmark.cli.render import CheckLine, Document, Outcome
from weightmark.cli.signer_checks import signer_checks
from weightmark.cli.trust.expiring import expiring_trust
from weightmark.errors import Exit

__all__ = ["doctor"]

_OLDEST_PYTHON = (3, 11)
_BUILT = 1_793_500_000
"""Unix time of November 2026; no clock that is right shows an earlier one"""
_LIBRARIES = ("blake3", "click", "cryptography")


@command("doctor")
@pass_console
def doctor(console: Console) -> NoReturn:
    """Check this installation, and say what is missing and how to mend it.

    Exits with 4 when something would keep a check from being made.
    """
    checks = tuple(_checks(console))
    failed = sum(check.outcome in {Outcome.FAIL, Outcome.UNCHECKED} for check in checks)
    console.finish(
        Document(
            "weightmark/doctor/v1",
            Exit.UNCHECKED if failed else Exit.GOOD,
            verdict="unfit" if failed else "fit",
            headline=f"{failed} of {len(checks)} checks failed" if failed else "ready",
            checks=checks,
            facts={"version": weightmark.__version__},
        )
    )


def _checks(console: Console) -> Iterator[CheckLine]:
    yield CheckLine(Outcome.INFO, "weightmark", weightmark.__version__)
    yield _python()
    for name in _LIBRARIES:
        yield _library(name)
    yield CheckLine(Outcome.INFO, "cores", f"{console.jobs} in use at once; `--jobs N` changes it")
    yield _clock(time.time())
    folders = {"data": data_directory, "state": state_directory, "cache": cache_directory}
    for name, folder in folders.items():
        yield _writable(name, folder())
    yield CheckLine(Outcome.INFO, "config", f"`{config_directory()}`")
    yield _ledger(data_directory() / "ledger")
    yield from expiring_trust(datetime.now(UTC))
    yield from signer_checks(datetime.now(UTC))


def _python() -> CheckLine:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        return CheckLine(Outcome.PASS, "python", version)
    fix = "install Python 3.11 or newer"
    return CheckLine(Outcome.FAIL, "python", version, "this Python is not supported", fix)


def _library(name: str) -> CheckLine:
    from importlib.metadata import PackageNotFoundError, version

    try:
        import_module(name)
        return CheckLine(Outcome.PASS, name, version(name))
    except (ImportError, PackageNotFoundError) as error:
        fix = f"`python -m pip install --force-reinstall {name}`"
        return CheckLine(Outcome.FAIL, name, "cannot be imported", str(error), fix)


def _clock(now: float) -> CheckLine:
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if now >= _BUILT:
        return CheckLine(Outcome.PASS, "clock", shown)
    why = "the clock is behind the day on which this version was made, so expiry cannot be judged"
    return CheckLine(Outcome.FAIL, "clock", shown, why, "set the clock, for example with NTP")


def _writable(name: str, folder: Path) -> CheckLine:
    """Look at the nearest folder that exists; nothing is created."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return CheckLine(Outcome.PASS, name, f"`{folder}`")
    variable = f"XDG_{name.upper()}_HOME"
    return CheckLine(
        Outcome.FAIL,
        name,
        f"`{folder}` cannot be written",
        f"`{existing}` is not writable",
        f"make it writable, or name another place with `{variable}`",
    )


def _ledger(path: Path) -> CheckLine:
    if path.exists():
        return CheckLine(Outcome.INFO, "ledger", f"`{path}`")
    return CheckLine(
        Outcome.INFO, "ledger", "none yet; `weightmark ledger init --admit release.pub` makes one"
    )
