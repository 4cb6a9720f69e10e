"""Lists in pages: whoever serves them can't keep the caller busy for ever."""

import pytest

from weightmark.errors import LimitError, MalformedError
from weightmark.provenance.sources.paging import entries_of


def test_pages_are_read_to_their_end() -> None:
    pages = {"a": ([1, 2], "b"), "b": ([], "c"), "c": ([3], "")}
    assert list(entries_of(pages.__getitem__, "a", most=10, where="x")) == [1, 2, 3]


def test_pages_that_lead_round_in_circles_are_refused() -> None:
    pages: dict[str, tuple[list[int], str]] = {"a": ([], "b"), "b": ([], "a")}
    with pytest.raises(MalformedError, match="circles"):
        list(entries_of(pages.__getitem__, "a", most=10, where="x"))


def test_empty_pages_end_some_time() -> None:
    asked: list[str] = []

    def page(name: str) -> tuple[list[int], str]:
        asked.append(name)
        return [], f"{name}x"

    with pytest.raises(LimitError):
        list(entries_of(page, "a", most=10, where="x"))
    assert len(asked) <= 1000


def test_more_than_anybody_has_is_refused() -> None:
    with pytest.raises(LimitError):
        list(entries_of(lambda name: ([1] * 7, f"{name}x"), "a", most=100, where="x"))
