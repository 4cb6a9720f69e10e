"""Whether a parsed regular expression can match one text in so many ways that a search never ends.

The expression becomes an automaton of positions (Glushkov). Two different ways back to the same
position with the same text make the number of ways grow exponentially; loops one after the other
that take the same character make it grow with a power (Weber and Seidl, "On the degree of ambiguity
of finite automata"). Look-around, anchors and references are taken as texts that may be empty, so
that more is refused than has to be.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

from weightmark.errors import LimitError
from weightmark.scanners.pickles.characters import Alphabet
from weightmark.scanners.pickles.components import components, is_loop
from weightmark.values import dataclass

__all__ = ["is_ambiguous"]

_MOST_POSITIONS = 2_000
_MOST_STEPS = 2_000_000
_MOST_LOOPS = 3
"""loops one after the other that take the same character; the time grows with this power"""
_FEW_WAYS = 2
_MANY_WORDS = 64
_FEW_TIMES = 8
"""times that what may be empty can be counted without too many ways to leave some out"""
_FOR_EVER = 1 << 16
_LONGEST_COUNT = 64
"""times that something of fixed length is written out; what repeats more often is a loop"""
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_CHARACTERS = frozenset({"ANY", "IN", "LITERAL", "NOT_LITERAL", "RANGE", "CATEGORY"})
_LOOKS = frozenset({"ASSERT", "ASSERT_NOT"})
_GROUPS: dict[str, Callable[[Any], Any]] = {
    "ATOMIC_GROUP": lambda value: value,
    "SUBPATTERN": lambda value: value[-1],
}
"""what gives the inner sequence of a group"""
Items = Sequence[tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the automaton."""

    first: "Counter[int]"
    """positions that it can begin with, and in how many ways"""
    last: "Counter[int]"
    """positions that it can end with"""
    empty: int
    """in how many ways it matches the empty text, up to a few"""


_NOTHING = _Part(Counter(), Counter(), empty=1)


class _Automaton:
    """Positions, what each takes, and which may follow in how many ways."""

    __slots__ = ("_alphabet", "_repeated", "follow", "takes")

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet
        self._repeated = 0
        self.takes: list[frozenset[str]] = []
        self.follow: list[Counter[int]] = []

    def sequence(self, items: Items) -> _Part:
        """Add items that follow each other."""
        whole = _NOTHING
        for operation, value in items:
            whole = self._join(whole, self._item(str(operation), value))
        return whole

    def _item(self, name: str, value: Any) -> _Part:
        found = _NOTHING
        if name in _CHARACTERS:
            found = self._position(name, value)
        elif name in _REPEATS:
            found = self._repeat(*value)
        elif name == "BRANCH":
            found = self._branch(value[1])
        elif name == "GROUPREF_EXISTS":
            found = _either([self.sequence(items or ()) for items in value[1:]])
        elif name in _GROUPS:
            found = self.sequence(_GROUPS[name](value))
        elif name in _LOOKS:
            self.sequence(value[1])
        return found

    def _branch(self, choices: Sequence[Items]) -> _Part:
        """Add alternatives; a long list of words that nothing repeats is passed over."""
        if not self._repeated and len(choices) > _MANY_WORDS and all(map(_is_fixed, choices)):
            return _NOTHING
        return _either([self.sequence(items) for items in choices])

    def _position(self, name: str, value: Any) -> _Part:
        if len(self.takes) >= _MOST_POSITIONS:
            raise LimitError(f"a regular expression has more than {_MOST_POSITIONS} positions")
        here = Counter([len(self.takes)])
        self.takes.append(self._alphabet.taken_by(name, value))
        self.follow.append(Counter())
        return _Part(here, here, empty=0)

    def _repeat(self, fewest: Any, most: Any, items: Items) -> _Part:
        if most <= 1 or (int(fewest) == int(most) <= _LONGEST_COUNT and _is_fixed(items)):
            whole = _NOTHING
            for _ in range(int(most)):
                whole = self._join(whole, self.sequence(items))
            return _Part(whole.first, whole.last, empty=_few(whole.empty + (fewest == 0)))
        self._repeated += 1
        inner = self.sequence(items)
        self._repeated -= 1
        self._connect(inner.last, inner.first)
        if inner.empty and (int(fewest) > _FEW_TIMES or _FEW_TIMES < most < _FOR_EVER):
            self._connect(inner.last, inner.first)
        return _Part(inner.first, inner.last, empty=_few(inner.empty + (fewest == 0)))

    def _join(self, left: _Part, right: _Part) -> _Part:
        self._connect(left.last, right.first)
        first = left.first + _times(right.first, left.empty)
        last = right.last + _times(left.last, right.empty)
        return _Part(first, last, empty=_few(left.empty * right.empty))

    def _connect(self, left: "Counter[int]", right: "Counter[int]") -> None:
        if len(left) * len(right) > _MOST_STEPS // 10:
            raise LimitError("a regular expression has too many ways on")
        for here, ways in left.items():
            for there, more in right.items():
                self.follow[here][there] = _few(self.follow[here][there] + ways * more)


def is_ambiguous(items: Iterable[tuple[Any, Any]], flags: int) -> bool:
    """Tell a parsed expression that may take exponential time, or time of a high power.

    Raises `LimitError` if that is too much work to find out.
    """
    listed = list(items)
    automaton = _Automaton(Alphabet.of(listed, flags))
    automaton.sequence(listed)
    takes, follow = automaton.takes, automaton.follow
    rows = [list(row) for row in follow]
    loops = [found for found in components(rows) if is_loop(found, rows)]
    if any(_has_two_ways(loop, takes, follow) for loop in loops):
        return True
    taken = Counter(text for loop in loops for text in {t for here in loop for t in takes[here]})
    often = [text for text, count in taken.items() if count > _MOST_LOOPS]
    if len(often) * sum(map(len, rows)) > _MOST_STEPS:
        raise LimitError("a regular expression has too many loops")
    return any(_loops_in_a_row(text, takes, follow) > _MOST_LOOPS for text in often)


def _either(parts: Iterable[_Part]) -> _Part:
    first: Counter[int] = Counter()
    last: Counter[int] = Counter()
    empty = 0
    for part in parts:
        first += part.first
        last += part.last
        empty += part.empty
    return _Part(first, last, empty=_few(empty))


def _times(ways: "Counter[int]", factor: int) -> "Counter[int]":
    return Counter({here: _few(count * factor) for here, count in ways.items() if factor})


def _few(ways: int) -> int:
    """Bound a number of ways: two are as bad as a thousand."""
    return min(ways, _FEW_WAYS)


def _is_fixed(items: Items) -> bool:
    """Tell a sequence that can be matched in one way only, by a text of one length."""
    for operation, value in items:
        name = str(operation)
        if name in _REPEATS:
            if int(value[0]) != int(value[1]) or not _is_fixed(value[2]):
                return False
        elif name in _GROUPS:
            if not _is_fixed(_GROUPS[name](value)):
                return False
        elif name not in _CHARACTERS:
            return False
    return True


def _has_two_ways(
    loop: frozenset[int], takes: Sequence[frozenset[str]], follow: Sequence["Counter[int]"]
) -> bool:
    """Tell a loop that one text can go round in two ways."""
    inside = {here: [there for there in follow[here] if there in loop] for here in loop}
    if any(follow[here][there] > 1 for here in loop for there in inside[here]):
        return True
    pairs: dict[tuple[int, int], int] = {}
    edges: list[list[int]] = []
    waiting = [(here, here) for here in sorted(loop)]
    for pair in waiting:
        pairs[pair] = len(pairs)
    steps = 0
    for left, right in waiting:
        row = []
        for pair in product(inside[left], inside[right]):
            steps += 1
            if steps > _MOST_STEPS:
                raise LimitError("a regular expression has too many ways on")
            if takes[pair[0]].isdisjoint(takes[pair[1]]):
                continue
            if pair not in pairs:
                pairs[pair] = len(pairs)
                waiting.append(pair)
            row.append(pairs[pair])
        edges.append(row)
    same = {number for (left, right), number in pairs.items() if left == right}
    together = components(edges)
    return any(not found <= same and not found.isdisjoint(same) for found in together)


def _loops_in_a_row(
    text: str, takes: Sequence[frozenset[str]], follow: Sequence["Counter[int]"]
) -> int:
    """Count the loops on one way through the automaton that the same character alone can take."""
    kept = [
        [there for there in row if text in takes[there]] if text in takes[here] else []
        for here, row in enumerate(follow)
    ]
    longest: dict[int, int] = {}
    for component in components(kept):
        after = max(
            (longest.get(there, 0) for here in component for there in kept[here]), default=0
        )
        loops = after + is_loop(component, kept)
        longest |= dict.fromkeys(component, loops)
    return max(longest.values(), default=0)
