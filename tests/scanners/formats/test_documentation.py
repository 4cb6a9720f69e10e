"""The page about scanning names every format that a reader or the list of known files tells."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import weightmark
from weightmark.scanners.limits import Limits

FORMATS = Path(weightmark.__file__).parent / "scanners" / "formats"
PAGE = Path(__file__).parents[3] / "docs" / "formats" / "scanning.md"
READERS = re.compile(r'^    name: Final\[str\] = "([a-z0-9-]+)"', re.MULTILINE)
TOLD = re.compile(r'also_read_as\(\s*"([a-z0-9-]+)"')
LISTED = re.compile(r'^    \(\d+, b"[^\n]*", "([a-z0-9-]+)"\),$', re.MULTILINE)


def words() -> set[str]:
    sources = [file.read_text("utf-8") for file in sorted(FORMATS.glob("*.py"))]
    listed = (FORMATS / "recognise.py").read_text("utf-8")
    told = {word for source in sources for word in READERS.findall(source) + TOLD.findall(source)}
    return told | set(LISTED.findall(listed))


def test_words_are_found_in_the_sources() -> None:
    assert {"pickle", "tflite", "riegeli", "ocdbt", "native-engine"} <= words()
    assert len(words()) > 50


@pytest.mark.parametrize("word", sorted(words()))
def test_format_is_documented(word: str) -> None:
    page = PAGE.read_text("utf-8")
    section = page[page.index("## Formats") : page.index("## Pickles")]
    assert f"`{word}`" in section


@pytest.mark.parametrize("limit", [field.name for field in fields(Limits)])
def test_limit_is_documented(limit: str) -> None:
    page = PAGE.read_text("utf-8")
    assert f"`{limit}`" in page[page.index("## Limits") : page.index("## Not covered yet")]
