"""Patterns for subjects, each matched in bounded time: a signer chooses the subject that is matched."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from weightmark.errors import LimitError
from weightmark.patterns import lazy_pattern
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.sigstore.linear_regex import LinearRegex

__all__ = ["ExactSubject", "GlobPattern", "RegexPattern", "SubjectPattern"]

_TOKENS = lazy_pattern(r"(\*\*|\*|\?)")


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
    """A regular expression over the whole subject, in the syntax of `re` and the time of RE2."""

    regex: "LinearRegex"
    """the expression"""

    @classmethod
    def parse(cls, text: str) -> "RegexPattern":
        """Read an expression; raises `CallError`, also for one that some subject would keep busy for ever."""
        from weightmark.attestations.sigstore.linear_regex import LinearRegex

        return cls(LinearRegex.parse(text))

    def fits(self, subject: str) -> bool:
        """Tell whether the whole subject fits; raises `LimitError` for one that is too long."""
        longest = self.regex.longest
        if len(subject) > longest:
            raise LimitError(
                f"the signer's name is longer than {longest} characters",
                why="so long a name could keep the regular expression busy",
                fix="use `--identity` or `--identity-glob`",
            )
        return self.regex.fits(subject)
