"""Whoever types what a page shows, sees what the page shows."""

from pathlib import Path

import pytest

from tests.docs.tours import ROOT, accepts, newcomer, tour, typed

TOURS = {
    "README.md": 12,
    "docs/quick-starts/ml-engineer.md": 6,
    "docs/quick-starts/ci-pipeline.md": 6,
    "docs/quick-starts/registry-admin.md": 8,
}
"""page to how many calls it has at least"""


@pytest.mark.parametrize("page", TOURS)
def test_every_call_of_a_tour_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    work = newcomer(tmp_path)
    steps = [step for step in tour(page) if step.call != "weightmark --help"]
    assert len(steps) >= TOURS[page]
    for step in steps:
        printed = typed(step.call, work)
        assert accepts(step.shown, printed), f"$ {step.call}\n{printed}"


def test_every_quick_start_is_a_tour() -> None:
    pages = (ROOT / "docs/quick-starts").glob("*.md")
    assert {str(page.relative_to(ROOT)) for page in pages} == set(TOURS) - {"README.md"}


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("✓ ready",), "✓ ready\nmore\n"),
        (("✓ ready",), "x ready\n"),
        ((), "a warning\n"),
        (("…", "end"), "end\nnot the end\n"),
        (("by key:…",), "by nobody\n"),
        (("a.b",), "axb\n"),
    ],
)
def test_a_page_that_shows_something_else_is_wrong(shown: tuple[str, ...], printed: str) -> None:
    assert not accepts(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ((), ""),
        (("…",), "one\ntwo\n"),
        (("by key:…",), "by key:0f\n"),
        (("one", "…", "three"), "one\nthree\n"),
    ],
)
def test_an_ellipsis_stands_for_any_text(shown: tuple[str, ...], printed: str) -> None:
    assert accepts(shown, printed)


def test_a_call_is_typed_into_a_real_terminal(tmp_path: Path) -> None:
    assert typed("test -t 1 && test -t 2 && echo seen", newcomer(tmp_path)) == "seen\n"
