"""Patterns that are compiled late answer as those of `re` do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.patterns import lazy_pattern

_TEXT = r"(?P<word>[a-c]+)-(\d{1,3})"


@given(st.text("abc-123x", max_size=12))
def test_it_answers_as_a_compiled_pattern_does(text: str) -> None:
    late, soon = lazy_pattern(_TEXT, re.ASCII), re.compile(_TEXT, re.ASCII)
    for late_one, soon_one in (
        (late.match(text), soon.match(text)),
        (late.fullmatch(text), soon.fullmatch(text)),
        (late.search(text), soon.search(text)),
    ):
        assert (late_one and late_one.groups()) == (soon_one and soon_one.groups())
    assert late.findall(text) == soon.findall(text)
    assert [one.span() for one in late.finditer(text)] == [
        one.span() for one in soon.finditer(text)
    ]
    assert late.split(text) == soon.split(text)
    assert late.sub("_", text) == soon.sub("_", text)
    assert late.subn("_", text) == soon.subn("_", text)
    assert (late.pattern, late.flags, late.groups) == (soon.pattern, soon.flags, soon.groups)


def test_bytes_are_matched_as_bytes() -> None:
    late = lazy_pattern(rb"[0-9a-f]{2}")
    assert late.fullmatch(b"0f")
    with pytest.raises(TypeError):
        late.fullmatch("0f")  # type: ignore[call-overload] # what the types forbid is refused as `re` does


def test_a_wrong_pattern_is_refused_when_it_is_used() -> None:
    wrong = lazy_pattern("(")
    with pytest.raises(re.error):
        wrong.match("")


def test_it_is_no_more_than_a_pattern() -> None:
    with pytest.raises(AttributeError):
        lazy_pattern("a").__wrapped__  # type: ignore[attr-defined] # noqa: B018 - it must not be there
