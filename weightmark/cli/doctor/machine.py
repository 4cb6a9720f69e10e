"""Whether clock, terminal and character sets of this machine are as they should be."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from weightmark.cli.doctor.interface import Examined, Verdict
from weightmark.cli.places import state_directory
from weightmark.errors import WeightmarkError

__all__ = ["MADE", "examine_clock", "examine_machine", "examine_terminal"]

MADE = datetime(2026, 11, 1, tzinfo=UTC)
"""no clock that is right shows an earlier time"""
_DRIFT = timedelta(minutes=5)
_MOST_FILES = 1000


def examine_machine(now: datetime, *, jobs: int) -> Iterator[Examined]:
    """Look at cores, clock and terminal."""
    yield Examined.note("cores", f"{jobs} in use at once; `--jobs N` changes it")
    yield examine_clock(now, newest=_newest_memory())
    yield examine_terminal(sys.stdout.encoding or "", sys.getfilesystemencoding())


def examine_clock(now: datetime, *, newest: datetime | None = None) -> Examined:
    """Compare the clock with the day on which this version was made, and with what was written here last."""
    shown = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    fix = "set the clock, for example with NTP"
    if now < MADE:
        why = (
            "the clock is behind the day on which this version was made, so expiry cannot be judged"
        )
        return Examined("clock", "clock", Verdict.BAD, shown, why, fix)
    if newest and newest > now + _DRIFT:
        why = f"a checkpoint was remembered here at {newest:%Y-%m-%dT%H:%M:%SZ}, which lies ahead"
        return Examined("clock", "clock", Verdict.BAD, shown, why, fix)
    return Examined.ok("clock", shown)


def examine_terminal(stdout: str, files: str) -> Examined:
    """Say whether names and marks can be shown and read as they are."""
    fix = "set `LC_ALL=C.UTF-8`, or another locale of UTF-8"
    if not _is_utf8(files):
        why = "names that are not ASCII cannot be read as they are"
        return Examined("terminal", "terminal", Verdict.WARN, f"file names as `{files}`", why, fix)
    if not _is_utf8(stdout):
        why = "marks and names are shown as ASCII and escapes"
        return Examined("terminal", "terminal", Verdict.WARN, f"output as `{stdout}`", why, fix)
    plain = " without colour" if os.environ.get("NO_COLOR") else ""
    return Examined.ok("terminal", f"UTF-8{plain}")


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") in {"utf8", "utf8sig"}


def _newest_memory() -> datetime | None:
    """Return when a checkpoint was last remembered; None when there is none."""
    try:
        folder = state_directory() / "ledgers"
        found = [
            _changed(path)
            for path, _ in zip(folder.glob("*.json"), range(_MOST_FILES), strict=False)
        ]
    except (OSError, WeightmarkError):
        return None
    return max(found, default=None)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
