"""The seam between what `doctor` looks at and how it says so: each thing is one `Examined`."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from weightmark.cli.render.interface import CheckLine, Outcome
from weightmark.values import dataclass

__all__ = ["Examined", "Verdict", "check_lines"]


class Verdict(StrEnum):
    """How one thing is."""

    OK = "ok"
    """as it should be"""
    NOTE = "note"
    """neither good nor bad; worth knowing"""
    WARN = "warn"
    """works, and will fail later or is less safe than it could be"""
    BAD = "bad"
    """something keeps a check from being made, or a command from running"""


_SHOWN = {
    Verdict.OK: Outcome.PASS,
    Verdict.NOTE: Outcome.INFO,
    Verdict.WARN: Outcome.INFO,
    Verdict.BAD: Outcome.FAIL,
}
_WORSE = (Verdict.OK, Verdict.NOTE, Verdict.WARN, Verdict.BAD)
_EXPLAIN = "`weightmark explain {}` tells what it is about"


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at."""

    id: str
    """stable name for machines: `python`, `extra:hub`, `key:/home/me/release.key`"""
    title: str
    """the name of the check, as `weightmark explain` knows it"""
    verdict: Verdict
    """ok, note, warn or bad"""
    seen: str
    """what was seen, in one line"""
    why: str = ""
    """for warn and bad: why it matters"""
    fix: str = ""
    """for warn and bad: what to do, with the command"""
    details: tuple[str, ...] = ()
    """further lines"""

    @classmethod
    def ok(cls, title: str, seen: str, *, id: str = "") -> "Examined":  # noqa: A002 - the name of the field
        """Say that it is as it should be."""
        return cls(id or title, title, Verdict.OK, seen)

    @classmethod
    def note(cls, title: str, seen: str, *, details: tuple[str, ...] = ()) -> "Examined":
        """Say something that is neither good nor bad."""
        return cls(title, title, Verdict.NOTE, seen, details=details)

    @classmethod
    def of(cls, line: CheckLine, *, id: str) -> "Examined":  # noqa: A002 - the name of the field
        """Take over a line that another part of the command line wrote."""
        verdict = Verdict.WARN if line.fix else Verdict.NOTE
        if line.outcome is Outcome.PASS:
            verdict = Verdict.OK
        elif line.outcome is not Outcome.INFO:
            verdict = Verdict.BAD
        fix = line.fix if line.fix or verdict is not Verdict.BAD else _EXPLAIN.format(line.name)
        return cls(id, line.name, verdict, line.summary, line.why, fix, line.details)

    def facts(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "verdict": str(self.verdict),
            "seen": self.seen,
            "why": self.why,
            "fix": self.fix,
        }


def check_lines(examined: Iterable[Examined]) -> tuple[CheckLine, ...]:
    """Return one line for each title, as an answer names each check once; the worst speaks, the others follow."""
    groups: dict[str, list[Examined]] = {}
    for one in examined:
        groups.setdefault(one.title, []).append(one)
    return tuple(_line(group) for group in groups.values())


def _line(group: list[Examined]) -> CheckLine:
    worst = max(group, key=lambda one: _WORSE.index(one.verdict))
    others = tuple(_detail(one) for one in group if one is not worst)
    details = (*worst.details, *others)
    return CheckLine(
        _SHOWN[worst.verdict], worst.title, _seen(worst), worst.why, worst.fix, details
    )


def _detail(one: Examined) -> str:
    return "; ".join([_seen(one), *([one.fix] if one.fix else []), *one.details])


def _seen(one: Examined) -> str:
    return f"{one.seen} (warning)" if one.verdict is Verdict.WARN else one.seen
