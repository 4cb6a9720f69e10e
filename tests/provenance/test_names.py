"""Names inside an artifact: escaping, refusals, clashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError
from weightmark.provenance.names import (
    are_plain,
    component_problem,
    escape_path,
    find_clashes,
    path_problem,
    unescape_path,
)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_escaping_is_reversible_and_printable_on_one_line(path: str) -> None:
    escaped = escape_path(path)
    assert unescape_path(escaped) == path
    assert not any(ord(c) < 0x20 or ord(c) == 0x7F for c in escaped)


@pytest.mark.parametrize(
    "text", ["a\\n", "a\\x41", "a\\x0A", "a\\", "a\\x7", "a\nb", "a\x7f", "\\u0041"]
)
def test_any_other_spelling_of_a_path_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        unescape_path(text)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "a//b", "../a", "a/../b", "a/", "./a", "", "a\0b", "a/\udcff"]
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    assert path_problem(path)


@pytest.mark.parametrize(
    "path", [".", "a", "a/b c", "…/ü", ".hidden", "..a", "a\\b", "a\nb", "a:b"]
)
def test_an_honest_path_is_accepted(path: str) -> None:
    assert path_problem(path) is None


def test_a_name_that_is_not_utf8_is_refused() -> None:
    assert component_problem(b"\xff") == "is not UTF-8"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.bin", "a.bin"),
        ("caf\u00e9", "cafe\u0301"),
        ("A/x", "a/y"),
        ("\u1e9e", "\u00df"),
        ("d/\u212a", "d/k"),
    ],
)
def test_names_that_become_one_elsewhere_clash(one: str, other: str) -> None:
    (clash,) = find_clashes([one, other, "unrelated"])
    tops = {path.partition("/")[0] for path in (one, other)}
    assert set(clash.paths) <= tops | {one, other}


@pytest.mark.parametrize("path", ["con", "NUL.txt", "a/Com1", "lpt9.tar.gz", "ends.", "ends "])
def test_windows_reserved_names_clash(path: str) -> None:
    assert find_clashes([path])


@pytest.mark.parametrize(
    "paths", [["."], ["a", "b"], ["console.txt"], ["stra\u00dfe", "strasse"], ["com10", "a.b"]]
)
def test_honest_names_do_not_clash(paths: list[str]) -> None:
    assert find_clashes(paths) == ()


@given(st.lists(st.text(st.sampled_from("ab./\\\0\n\x7fé\u2028\ud800"), max_size=6), max_size=4))
def test_many_paths_are_plain_only_where_each_alone_is(paths: list[str]) -> None:
    if are_plain(paths):
        assert paths
        assert all(path_problem(path) is None and escape_path(path) == path for path in paths)


def test_one_bad_path_hides_among_no_number_of_plain_ones() -> None:
    plain = [".hidden", "a b/ü", *(f"sample-{number}" for number in range(999))]
    assert are_plain(plain)
    for bad in ("", ".", "..", "/a", "a/", "a//b", "a/../b", "a\0b", "a\nb", "a\\b", "\ud800"):
        for place in (0, 500, len(plain)):
            assert not are_plain([*plain[:place], bad, *plain[place:]])
