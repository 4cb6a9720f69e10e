"""Patterns for subjects, each matched in bounded time: a signer chooses the subject that is matched."""

import re
from collections.abc import Iterable
from typing import Any, Protocol

from weightmark.errors import CallError, LimitError
from weightmark.values import dataclass

__all__ = ["ExactSubject", "GlobPattern", "RegexPattern", "SubjectPattern"]

_TOKENS = re.compile(r"(\*\*|\*|\?)")
_MAX_REPEATS = 4
_LONGEST_BY_REPEATS = {0: 4096, 1: 4096, 2: 4096, 3: 1000, 4: 256}
"""how long a subject may be for so many repeats: a backtracking matcher tries each way to part it"""
_MAX_CHOICES = 8


class SubjectPattern(Protocol):
    """Which subjects are meant."""

    def fits(self, subject: str) -> bool:
        """Tell whether the whole subject is meant; raises `LimitError` when telling could take too long."""
        ...


@dataclass(frozen=True, slots=True)
class ExactSubject:
    """One subject."""

    text: str
    """the subject"""

    def fits(self, subject: str) -> bool:
        """Tell whether it is this one."""
        return subject == self.text


@dataclass(frozen=True, slots=True)
class GlobPattern:
    """`*` stands for any characters but `/`, `**` for any characters, `?` for one that is not `/`."""

    text: str
    """the pattern"""

    def fits(self, subject: str) -> bool:
        """Tell whether the whole subject fits; takes time in proportion to both lengths."""
        if "\n" in subject:
            return subject == self.text
        reached = {0}
        for piece in filter(None, _TOKENS.split(self.text)):
            reached = _after(piece, subject, reached)
        return len(subject) in reached


def _after(piece: str, subject: str, reached: Iterable[int]) -> set[int]:
    """Return every place where a match can stand behind `piece`, for the places before it."""
    if piece == "**":
        first = min(reached, default=None)
        return set() if first is None else set(range(first, len(subject) + 1))
    if piece == "*":
        return _within_segments(subject, reached)
    if piece == "?":
        return {at + 1 for at in reached if subject[at : at + 1] not in ("", "/")}
    return {at + len(piece) for at in reached if subject.startswith(piece, at)}


def _within_segments(subject: str, reached: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for place in sorted(reached):
        at = place
        while at not in found:
            found.add(at)
            if subject[at : at + 1] in ("", "/"):
                break
            at += 1
    return found


@dataclass(frozen=True, slots=True)
class RegexPattern:
    """A regular expression over the whole subject."""

    regex: re.Pattern[str]
    """the expression"""
    longest: int
    """characters of the longest subject that it is tried on"""

    @classmethod
    def parse(cls, text: str) -> "RegexPattern":
        """Compile an expression; raises `CallError`, also for one that some subject would keep busy for ever."""
        try:
            compiled = re.compile(text)
            parsed = _parsed(text)
            repeats, choices = _count_repeats(parsed), _count_choices(parsed)
        except (re.error, OverflowError, RecursionError) as error:
            raise CallError(f"`{text}` is no regular expression", why=str(error)) from error
        if repeats > _MAX_REPEATS:
            raise _too_slow(text, f"it repeats {repeats} parts, and {_MAX_REPEATS} are the most")
        if choices > _MAX_CHOICES:
            raise _too_slow(text, f"it has {choices} alternatives, and {_MAX_CHOICES} are the most")
        return cls(compiled, _LONGEST_BY_REPEATS[repeats])

    def fits(self, subject: str) -> bool:
        """Tell whether the whole subject fits; raises `LimitError` for one that is too long."""
        if len(subject) > self.longest:
            raise LimitError(
                f"the signer's name is longer than {self.longest} characters",
                why="so long a name could keep the regular expression busy for ever",
                fix="use `--identity` or `--identity-glob`",
            )
        return self.regex.fullmatch(subject) is not None


def _parsed(text: str) -> Any:
    from re import _parser  # type: ignore[attr-defined] # the one parser of the very syntax

    return _parser.parse(text)


def _count_repeats(parsed: Any) -> int:
    """Count the parts that repeat often; raises `CallError` when one holds another, or alternatives."""
    count = 0
    for operation, argument in parsed:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = argument
            within = _count_repeats(inner)
            if int(most) > 1 and (within or _varies(inner)):
                raise _too_slow(
                    parsed.state.str, "a part that is repeated can itself be read in several ways"
                )
            count += within + (int(most) > 1 and int(least) != int(most))
        else:
            count += sum(_count_repeats(inner) for inner in _inside(argument))
    return count


def _varies(parsed: Any) -> bool:
    """Tell whether a part has alternatives or an optional piece."""
    for operation, argument in parsed:
        name = str(operation)
        if name == "BRANCH":
            return True
        if name.endswith("_REPEAT") and argument[0] != argument[1]:
            return True
        if any(_varies(inner) for inner in _inside(argument)):
            return True
    return False


def _count_choices(parsed: Any) -> int:
    """Count the optional parts and the alternatives."""
    count = 0
    for operation, argument in parsed:
        name = str(operation)
        count += name == "BRANCH" or (name.endswith("_REPEAT") and int(argument[1]) == 1)
        count += sum(_count_choices(inner) for inner in _inside(argument))
    return count


def _inside(argument: Any) -> Iterable[Any]:
    """Return the parts below one operation."""
    if hasattr(argument, "state"):
        yield argument
    elif isinstance(argument, list | tuple):
        for one in argument:
            yield from _inside(one)


def _too_slow(text: str, why: str) -> CallError:
    return CallError(
        f"the regular expression `{text[:200]}` could take for ever on the name of a signer",
        why=why,
        fix="write it with fewer repeats, or use `--identity-glob`",
    )
