"""Checks: what was looked at, what came of it, and what to do; the shared form of every verdict."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum

from weightmark.errors import Exit, NothingCheckedError, RefusedError, WeightmarkError
from weightmark.values import dataclass

__all__ = ["Check", "Outcome", "counted", "exit_of", "merge_checks"]


class Outcome(StrEnum):
    """What came of one check."""

    PASS = "pass"  # noqa: S105 - the word for a check that is good
    FAIL = "fail"
    UNCHECKED = "unchecked"
    NOTHING = "nothing"
    INFO = "info"


_BY_WEIGHT = (Outcome.FAIL, Outcome.UNCHECKED, Outcome.NOTHING, Outcome.PASS, Outcome.INFO)
_MAX_DETAILS = 200
"""lines that a check made of several holds at most"""
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
    code: str = ""
    """stable word for the reason, when it is not good; the code of an error or one of docs/formats/oms.md"""

    @classmethod
    def from_error(cls, name: str, error: WeightmarkError) -> "Check":
        """Make a check out of the error that ended it."""
        if isinstance(error, RefusedError):
            outcome = Outcome.FAIL
        elif isinstance(error, NothingCheckedError):
            outcome = Outcome.NOTHING
        else:
            outcome = Outcome.UNCHECKED
        return cls(name, outcome, error.what, error.why, error.fix, code=error.code)


def exit_of(checks: Iterable[Check]) -> Exit:
    """Return the exit code of several checks: 1 over 4 over 3; without any passed check never 0."""
    outcomes = {check.outcome for check in checks}
    codes = {_EXITS[outcome] for outcome in outcomes if outcome in _EXITS}
    if not codes:
        return Exit.GOOD if Outcome.PASS in outcomes else Exit.NOTHING
    return Exit.worst(codes)


def merge_checks(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return one check a name, in the order of first mention; the worst speaks, the others are its details.

    The exit code of the result is that of `checks`.
    """
    named: dict[str, list[Check]] = {}
    for check in checks:
        named.setdefault(check.name, []).append(check)
    return tuple(_merged(same) for same in named.values())


def _merged(same: Sequence[Check]) -> Check:
    worst = min(same, key=lambda check: _BY_WEIGHT.index(check.outcome))
    others = [check for check in same if check is not worst]
    if not others:
        return worst
    details = [*worst.details]
    for check in others:
        details += [check.summary, *check.details]
    if len(details) > _MAX_DETAILS:
        details[_MAX_DETAILS:] = [f"… and {len(details) - _MAX_DETAILS} more"]
    return replace(worst, details=tuple(details))


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
