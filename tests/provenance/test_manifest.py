"""Manifest v1, byte for byte."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import MalformedError, NoInputError
from weightmark.provenance.manifest import Manifest, Row

EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"

_components = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12
).filter(lambda text: text not in (".", ".."))
_paths = st.lists(_components, min_size=1, max_size=3).map("/".join)
_rows = st.builds(
    Row, _paths, st.integers(0, 2**60), st.binary(min_size=32, max_size=32).map(bytes.hex)
)


def test_the_bytes_are_those_of_the_specification() -> None:
    manifest = Manifest.from_rows([Row("b\n\\", 0, EMPTY), Row("a/ü", 0, EMPTY)])
    expected = f"weightmark-manifest/v1\n{EMPTY} 0 a/ü\n{EMPTY} 0 b\\x0a\\\\\n".encode()
    assert manifest.canonical_bytes == expected
    assert manifest.identity == "wm1:" + hashlib.sha256(expected).hexdigest()


def test_rows_are_sorted_by_bytes_not_by_code_units() -> None:
    paths = ["a/b", "a b", "a!", "Z", "\U00010000", "\uffff"]
    manifest = Manifest.from_rows(Row(path, 1, EMPTY) for path in paths)
    assert [row.path for row in manifest.rows] == ["Z", "a b", "a!", "a/b", "\uffff", "\U00010000"]


@given(st.lists(_rows, min_size=1, max_size=8, unique_by=lambda row: row.path))
def test_parsing_gives_back_what_was_written(rows: list[Row]) -> None:
    manifest = Manifest.from_rows(rows)
    assert Manifest.parse(manifest.canonical_bytes) == manifest


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_canonical(data: bytes) -> None:
    text = b"weightmark-manifest/v1\n" + data
    with contextlib.suppress(MalformedError, NoInputError):
        assert Manifest.parse(text).canonical_bytes == text


@pytest.mark.parametrize(
    "body",
    [
        f"{EMPTY} 00 a\n",
        f"{EMPTY} -1 a\n",
        f"{EMPTY.upper()} 1 a\n",
        f"{EMPTY[:-1]} 1 a\n",
        f"{EMPTY} 1 a",
        f"{EMPTY} 1 a\r\n",
        f"{EMPTY} 1 b\n{EMPTY} 1 a\n",
        f"{EMPTY} 1 a\n{EMPTY} 1 a\n",
        f"{EMPTY} 1 ../a\n",
        f"{EMPTY} 1 /a\n",
        f"{EMPTY} 1 a\\x41\n",
        f"{EMPTY} 1 .\n{EMPTY} 1 a\n",
        f"{EMPTY} 1 a\n\n",
        f"{EMPTY}\u20281 a\n",
    ],
)
def test_a_second_spelling_of_a_manifest_is_refused(body: str) -> None:
    with pytest.raises(MalformedError):
        Manifest.parse(b"weightmark-manifest/v1\n" + body.encode())


def test_a_unicode_line_separator_is_part_of_a_name() -> None:
    manifest = Manifest.from_rows([Row("a\u2028b\x85", 1, EMPTY)])
    assert Manifest.parse(manifest.canonical_bytes).rows[0].path == "a\u2028b\x85"


def test_no_files_is_no_artifact() -> None:
    with pytest.raises(NoInputError):
        Manifest.parse(b"weightmark-manifest/v1\n")


@pytest.mark.parametrize(
    "bad",
    [
        Row("a/../b", 1, EMPTY),
        Row("x", -1, EMPTY),
        Row("x", 10**19, EMPTY),
        Row("x", 1, EMPTY.upper()),
        Row("x", 1, EMPTY[:-1]),
        Row("x", 1, EMPTY[:-1] + "\n"),
    ],
)
@pytest.mark.parametrize("place", [0, 700, 1400])
def test_one_bad_row_hides_among_no_number_of_good_ones(bad: Row, place: int) -> None:
    rows = [Row(f"file-{number}", number, EMPTY) for number in range(1400)]
    rows.insert(place, bad)
    with pytest.raises(MalformedError):
        Manifest.from_rows(rows)


def test_digests_of_wrong_lengths_that_make_up_for_each_other_are_refused() -> None:
    with pytest.raises(MalformedError):
        Manifest.from_rows([Row("a", 1, EMPTY[:-1]), Row("b", 1, f"{EMPTY}a")])


@given(st.lists(_rows, min_size=1, max_size=8, unique_by=lambda row: row.path))
def test_lines_written_at_once_are_those_of_each_row(rows: list[Row]) -> None:
    manifest = Manifest.from_rows(rows)
    lines = [row.line() for row in manifest.rows]
    assert list(manifest.lines) == lines
    assert manifest.canonical_bytes == b"weightmark-manifest/v1\n" + b"".join(lines)
