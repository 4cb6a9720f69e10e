"""Checks: what was looked at, what came of it, and what to do; the shared form of every verdict."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from weightmark.errors import Exit, NothingCheckedError, RefusedError, WeightmarkError

__all__ = ["Check", "Outcome", "counted", "exit_of"]


class Outcome(StrEnum):
    """What came of one check."""

    PASS = "pass"  # noqa: S105 - the word for a check that is good
    FAIL = "fail"
    UNCHECKED = "unchecked"
    NOTHING = "nothing"
    INFO = "info"


_EXITS = {Outcome.FAIL: Exit.BAD, Outcome.UNCHECKED: Exit.UNCHECKED, Outcome.NOTHING: Exit.NOTHING}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    name: str
    """short noun: `signature`, `files`, `scan`, …"""
    outcome: Outcome
    """what came of it"""
    summary: str
    """one line for a person"""
    why: str = ""
    """why it is so, when it is not good"""
    fix: str = ""
    """how to mend it"""
    details: tuple[str, ...] = ()
    """further lines, for example each file that differs"""

    @classmethod
    def from_error(cls, name: str, error: WeightmarkError) -> "Check":
        """Make a check out of the error that ended it."""
        if isinstance(error, RefusedError):
            outcome = Outcome.FAIL
        elif isinstance(error, NothingCheckedError):
            outcome = Outcome.NOTHING
        else:
            outcome = Outcome.UNCHECKED
        return cls(name, outcome, error.what, error.why, error.fix)


def exit_of(checks: Iterable[Check]) -> Exit:
    """Return the exit code of several checks: 1 over 4 over 3; without any passed check never 0."""
    outcomes = {check.outcome for check in checks}
    codes = {_EXITS[outcome] for outcome in outcomes if outcome in _EXITS}
    if not codes:
        return Exit.GOOD if Outcome.PASS in outcomes else Exit.NOTHING
    return Exit.worst(codes)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
