"""The picture and the tables of the README are what the tools print and the benchmarks measured."""

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from tests.docs.scripts import script
from tests.docs.tours import ROOT

PICTURE = ROOT / "docs/images/terminal.svg"
COMPARISON = script("comparison")
TERMINAL = script("terminal_picture")
_SVG = "{http://www.w3.org/2000/svg}"


def _lines() -> list[str]:
    rows = ET.fromstring(PICTURE.read_text(encoding="utf-8")).iter(f"{_SVG}text")  # noqa: S314 - our own file
    return ["".join(row.itertext()) for row in rows]


def test_the_picture_is_what_is_printed_now() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/terminal_picture.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_picture_shows_a_release_and_a_refusal_as_text() -> None:
    lines = _lines()
    assert [line for line in lines if line.startswith("$ ")] == [
        f"$ weightmark {call}" for call in TERMINAL.STORY
    ]
    assert any(line.startswith("✓ verified: wm1:") for line in lines)
    assert any(line.startswith("✗ deny: wm1:") for line in lines)
    assert max(map(len, lines)) <= TERMINAL.COLUMNS


def test_the_picture_fetches_nothing_and_runs_nothing() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    assert (
        re.findall(r"<(?:script|image|use|foreignObject|a)\b|href=|url\(|@import|on[a-z]+=", text)
        == []
    )
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    "line", ["<script>alert(1)</script>", "a & b", '"quoted"', "\x1b[31m</text>\x1b[0m"]
)
def test_what_is_printed_cannot_become_markup(line: str) -> None:
    drawn = ET.fromstring(TERMINAL.picture([line]))  # noqa: S314 - made one line above
    (row,) = drawn.iter(f"{_SVG}text")
    assert "".join(row.itertext()) == re.sub(r"\x1b\[\d+m", "", line)


def test_long_lines_are_cut_and_say_so() -> None:
    assert TERMINAL._cut("x" * 200) == "x" * (TERMINAL.COLUMNS - 1) + "…"
    assert TERMINAL._cut("\x1b[31m✓\x1b[0m " + "x" * 10) == "\x1b[31m✓\x1b[0m " + "x" * 10


def test_a_figure_that_was_measured_anew_makes_the_readme_stale() -> None:
    page = "| scanner | attacks found |\n|---|---|\n| weightmark 0.1.0 | 12.3% |\n\nrest\n"
    assert COMPARISON.rows_of(page, "scanner") == [
        {"scanner": "weightmark 0.1.0", "attacks found": "12.3%"}
    ]
    stale = COMPARISON.with_comparison(
        "a <!-- compared:begin -->\nold\n<!-- compared:end --> b", "new"
    )
    assert (stale.count("new"), stale.count("old")) == (1, 0)


@pytest.mark.parametrize("page", ["", "| work |\n", "no table"])
def test_a_page_without_figures_stops_the_comparison(page: str) -> None:
    with pytest.raises(SystemExit):
        COMPARISON.rows_of(page, "scanner")


def test_the_table_says_where_others_are_faster() -> None:
    """Not only what flatters: every scanner that was measured stands in the table, with its time."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = COMPARISON.rows_of(
        (ROOT / "docs/scanning.md").read_text(encoding="utf-8"), "scanner"
    )
    shown = COMPARISON.rows_of(readme, "scanner")
    assert [row["scanner"] for row in shown] == [row["scanner"] for row in measured]
    assert [row["all files"] for row in shown] == [row["all files"] for row in measured]
