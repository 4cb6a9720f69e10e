"""A regular expression in a pickle that a short text can keep busy for ever is refused."""

import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import LimitError
from weightmark.scanners.pickles.regular_expressions import runs_away

ENDLESS = [
    r"(a+)+", r"(a*)*b", r"(\d+(?:,\d+)*)+", r"(a|aa)+$", r"(?:a?){30}a{30}", r"(\w+\s?)*$", r"([a-z]+)*",
    r"(a{1,20}){1,20}", r"(.*,)*x", r"(x+x+)+y", r"a*a*a*a*a*b", r"((a|aa){8}){8}", r"(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:(?:\d+)?,?)*;", r"(a|b|ab)*c", r"(\s*\n?)*x", r"(?:a+|b)*c", r"(?s:(?:.|\n)+)*x", r"(?i:(?:ab|A)b?)*x",
    r"([\w.]+@?)+", r"(?:aa|a{2})*b", r"(?=(a+)+)b", r"(?:(?:x|xy)(?:yz|z)?)*w", r"(?(1)a|(?:b+)+)", r"[^\W\d]*\w*[a-z]*\w*\w*!",
    r"(?:a(?:b|b)c)*ab(?:d|de?)+(?:e|d)*(?:d*e*)*",
]  # fmt: skip
HARMLESS = [
    r"\d{1,3}(,\d{3})*", r"'s|'t| ?[a-z]+| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s+", r"(?u)\b\w\w+\b", r"[^\W\d_]+", r"(\d{3})+",
    r"(?:\d{3}[- ]?)*", r"^\s*(\w+)\s*=\s*(.*)$", r"([A-Z][a-z]+)*", r"(?:\w+\.)*\w+", r'"(?:[^"\\]|\\.)*"',
    r"[a-z]+@[a-z]+\.com", r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", r"(?:[0-9a-f]{2}){32}", r"(\s|\w)+", r"\w+(?:-\w+)*",
    r"^(?:.*\.)?attn\.(?:q|k|v)_proj$", r"model\.layers\.(\d+)\..*", "|".join(f"word{i}" for i in range(5000)), "",
    r"(?:a|b)*abb", r"(?i)([a-z]+)", r"(?m)^#.*$", r"(a)(?(1)b|c)", r"\$\{(\w+)\}", r"(?:\\.|[^\\])*",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_one_text_matches_in_too_many_ways_is_refused(pattern: str) -> None:
    assert runs_away(pattern, 0)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_a_pattern_of_everyday_is_allowed(pattern: str) -> None:
    assert not runs_away(pattern, 0)


def test_flags_count() -> None:
    assert not runs_away("(?:ab|AB)*c", 0)
    assert runs_away("(?:ab|AB)*c", re.IGNORECASE)
    assert not runs_away("(?:.x|\nx)*c", 0)
    assert runs_away("(?:.x|\nx)*c", re.DOTALL)
    assert not runs_away("(?:\\wx|éx)*c", re.ASCII)
    assert runs_away("(?:\\wx|éx)*c", 0)


def test_a_pattern_of_bytes_is_judged_as_well() -> None:
    assert runs_away(b"(a+)+b", 0)
    assert not runs_away(b"a+b", 0)


@pytest.mark.parametrize(
    "pattern", ["(?:" + "|".join(f"w{i}" for i in range(9000)) + ")*", "(?:" + "a?" * 1500 + ")*"]
)
def test_a_pattern_that_is_too_much_work_is_over_a_limit_or_refused(pattern: str) -> None:
    with suppress(LimitError):
        assert runs_away(pattern, 0)


@given(st.text("ab(|)*+?.[]{}1,2^$\\d", max_size=30))
def test_any_pattern_is_answered(pattern: str) -> None:
    assert runs_away(pattern, 0) in (True, False)


PATTERNS = st.recursive(
    st.sampled_from("ab"),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        inner.map(lambda part: f"(?:{part})*"),
    ),
    max_leaves=5,
)


@given(PATTERNS)
def test_what_is_allowed_ends_soon(pattern: str) -> None:
    if not runs_away(pattern, 0):
        for sample in ("a" * 18, "ab" * 9, "b" * 18, "aab" * 6):
            assert Search(sample).steps(pattern) < MANY


MANY = 500_000


class Search:
    """A plain backtracking search that counts its steps and finds no end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.count = 0

    def steps(self, pattern: str) -> int:
        from re import _parser  # type: ignore[attr-defined]  # private and untyped

        self.match(tuple(_parser.parse(pattern)), 0)
        return self.count

    def match(self, todo: tuple[Any, ...], at: int) -> None:
        self.count += 1
        if todo and self.count <= MANY:
            (operation, value), *rest = todo
            getattr(self, str(operation).lower())(value, tuple(rest), at)

    def literal(self, value: int, rest: tuple[Any, ...], at: int) -> None:
        self.in_([(None, value)], rest, at)

    def in_(self, value: list[Any], rest: tuple[Any, ...], at: int) -> None:
        if at < len(self.text) and any(code == ord(self.text[at]) for _, code in value):
            self.match(rest, at + 1)

    def branch(self, value: Any, rest: tuple[Any, ...], at: int) -> None:
        for choice in value[1]:
            self.match((*choice, *rest), at)

    def subpattern(self, value: Any, rest: tuple[Any, ...], at: int) -> None:
        self.match((*value[-1], *rest), at)

    def max_repeat(self, value: Any, rest: tuple[Any, ...], at: int) -> None:
        again = ("MAX_REPEAT", value)
        self.match((*value[-1], ("ADVANCED", (at, again)), *rest), at)
        self.match(rest, at)

    def advanced(self, value: Any, rest: tuple[Any, ...], at: int) -> None:
        before, again = value
        if at > before:
            self.match((again, *rest), at)


setattr(Search, "in", Search.in_)


def test_a_pattern_that_is_refused_does_hang_the_real_engine() -> None:
    code = "import re; re.match(r'(\\d+(?:,\\d+)*)+$', '1' * 60 + 'x')"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", code], timeout=1, check=False)
