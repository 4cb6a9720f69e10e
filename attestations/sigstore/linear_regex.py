"""Regular expressions in the syntax of `re`, matched in time that is linear in the text, as RE2 does it.

A backtracking matcher tries one way after the other, and a text can be chosen for which there are
more ways than anybody waits for. Here all ways are followed at once (Thompson, 1968): each
character is looked at once by each place of the expression at which a match can stand.
"""

import re
from collections.abc import Iterable
from typing import Any

from weightmark.errors import CallError
from weightmark.values import dataclass

__all__ = ["LinearRegex"]

_MAX_STATES = 2000
_MAX_WAYS = 4000
"""ways from one state to the next, of which each is gone for each character"""
_MAX_WORK = 2_000_000
"""ways from state to state, times characters of a text"""
_MAX_TEXT = 4096
_CHARACTERS = frozenset(["LITERAL", "NOT_LITERAL", "ANY", "IN"])
_REPEATS = frozenset(["MAX_REPEAT", "MIN_REPEAT"])
_REFUSED = {
    "GROUPREF": "a back-reference",
    "GROUPREF_EXISTS": "a condition on a group",
    "ASSERT": "a look ahead or behind",
    "ASSERT_NOT": "a look ahead or behind",
    "FAILURE": "a look ahead or behind",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repeat",
}


@dataclass(frozen=True, slots=True)
class _State:
    """A place in an expression at which a match can stand."""

    test: re.Pattern[str] | None
    """what the next character, or the place in the text, has to be; None where nothing is asked"""
    consumes: bool
    """whether the test takes one character"""
    then: tuple[int, ...]
    """where a match can stand next"""


@dataclass(frozen=True, slots=True)
class LinearRegex:
    """An expression that is compared with whole texts."""

    states: tuple[_State, ...]
    """the first stands for the end of a match"""
    start: int
    """the state in which a match begins"""

    @classmethod
    def parse(cls, text: str) -> "LinearRegex":
        """Read an expression; raises `CallError` for what is none, is too large or needs backtracking."""
        from re import _parser  # type: ignore[attr-defined] # what `re` itself reads with

        try:
            re.compile(text)
            builder = _Builder(text)
            start = builder.add(_parser.parse(text), 0)
        except (re.error, OverflowError, RecursionError) as error:
            raise CallError(
                f"`{text[:200]}` is no regular expression", why=str(error), fix="correct it"
            ) from error
        return cls(tuple(builder.states), start)

    @property
    def longest(self) -> int:
        """How many characters a text may have, so that the answer never takes a second."""
        ways = sum(len(state.then) for state in self.states)
        return min(_MAX_TEXT, _MAX_WORK // max(1, ways))

    def fits(self, text: str) -> bool:
        """Tell whether the whole text matches, as `re.fullmatch` would."""
        standing = self._reachable([self.start], text, 0)
        for at in range(len(text)):
            reached = [
                state.then[0]
                for state in (self.states[number] for number in standing)
                if state.consumes and state.test and state.test.match(text, at)
            ]
            standing = self._reachable(reached, text, at + 1)
            if not standing:
                return False
        return 0 in standing

    def _reachable(self, numbers: Iterable[int], text: str, at: int) -> set[int]:
        """Return all states that can be reached from some without taking a character."""
        found: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            found.add(number)
            state = self.states[number]
            if not state.consumes and (state.test is None or state.test.match(text, at)):
                waiting += state.then
        return found


class _Builder:
    """Turns what `re` parsed into states, the last one first."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.states = [_State(None, consumes=False, then=())]
        self._ways = 0
        self._flags: list[tuple[int, int]] = []
        self._tests: dict[str, re.Pattern[str]] = {}

    def add(self, parsed: Any, then: int) -> int:
        """Add a sequence that goes on with the state `then`; return the state in which it begins."""
        for node in reversed(list(parsed)):
            then = self._add_node(parsed.state, node, then)
        return then

    def _add_node(self, syntax: Any, node: tuple[Any, Any], then: int) -> int:
        operation, argument = str(node[0]), node[1]
        if operation in _CHARACTERS:
            return self._put(_State(self._test(syntax, node), consumes=True, then=(then,)))
        if operation == "AT":
            return self._put(_State(self._test(syntax, node), consumes=False, then=(then,)))
        if operation == "SUBPATTERN":
            return self._add_group(argument, then)
        if operation == "BRANCH":
            begins = dict.fromkeys(self.add(choice, then) for choice in argument[1])
            return self._put(_State(None, consumes=False, then=tuple(begins)))
        if operation in _REPEATS:
            least, most, inner = argument
            return self._add_repeat(least, most, inner, then)
        raise self._refused(_REFUSED.get(operation, f"`{operation.lower()}`"))

    def _add_group(self, argument: tuple[Any, int, int, Any], then: int) -> int:
        _, added, taken, inner = argument
        self._flags.append((added, taken))
        begin = self.add(inner, then)
        self._flags.pop()
        return begin

    def _add_repeat(self, least: int, most: Any, inner: Any, then: int) -> int:
        from re import _constants  # type: ignore[attr-defined] # what stands for `without end`

        begin = then
        if most is _constants.MAXREPEAT:
            begin = self._put(_State(None, consumes=False, then=()))
            again = self.add(inner, begin)
            self.states[begin] = _State(None, consumes=False, then=(again, then))
        else:
            for _ in range(int(most) - int(least)):
                choices = (self.add(inner, begin), then)
                begin = self._put(_State(None, consumes=False, then=choices))
        for _ in range(int(least)):
            before, begin = begin, self.add(inner, begin)
            if begin == before:
                break
        return begin

    def _put(self, state: _State) -> int:
        self._ways += len(state.then)
        if len(self.states) >= _MAX_STATES or self._ways > _MAX_WAYS:
            raise CallError(
                f"the regular expression `{self.text[:200]}` is too large",
                why=f"written out, its repeats have over {_MAX_STATES} parts",
                fix="write smaller counts, or use `--identity-glob`",
            )
        self.states.append(state)
        return len(self.states) - 1

    def _test(self, syntax: Any, node: tuple[Any, Any]) -> re.Pattern[str]:
        """Let `re` itself judge one character or place, with the flags that hold there."""
        from re import _compiler, _parser  # type: ignore[attr-defined] # the one meaning of the very syntax

        key = repr((self._flags, node))
        if key not in self._tests:
            one = _parser.SubPattern(syntax, [node])
            for added, taken in reversed(self._flags):
                group = (_parser.SUBPATTERN, (None, added, taken, one))
                one = _parser.SubPattern(syntax, [group])
            self._tests[key] = _compiler.compile(one)
        return self._tests[key]

    def _refused(self, construct: str) -> CallError:
        return CallError(
            f"the regular expression `{self.text[:200]}` holds {construct}, which could take for ever",
            why="a signer chooses the name that it is tried on; as in RE2, nothing is understood that has to try one way after the other",
            fix="write it without, or use `--identity-glob`",
        )
