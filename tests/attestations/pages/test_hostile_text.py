"""Whatever stands in a ledger is text on a page: it is escaped, seen, cut, and starts nothing."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.pages.asking import Asking
from tests.attestations.pages.reading import ReadPage, read
from tests.attestations.pages.world import ANSI, BIDI, EVIL, FORMULA, LONG, TEMPLATE
from weightmark.attestations.pages.rendering import data_block
from weightmark.attestations.pages.text import shown, shown_block, spelled_out

Hostile = tuple[Asking, list[str]]
Pages = list[tuple[str, bytes]]
_OURS = Path(__file__).parents[3] / "attestations" / "pages" / "templates"
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\xad]"
)


def own_tags() -> set[str]:
    """The elements that the templates and the pictures use."""
    text = "".join(path.read_text() for path in _OURS.iterdir())
    return {
        *re.findall(r"<([a-z][a-z0-9]*)", text),
        "bdi",
        "pre",
        *["svg", "defs", "marker", "path", "rect", "text", "title", "g"],
    }


def compared(hostile: Hostile) -> str:
    _, pages = hostile
    left, right = (page.partition("/")[2] for page in pages if page.startswith("artifacts/"))
    return f"left={left}&right={right}"


@pytest.fixture(scope="module")
def every_page(hostile: Hostile) -> Pages:
    """The path and the HTML of every page of the hostile ledger."""
    asking, pages = hostile
    found = [(path, asking.html(path)) for path in pages]
    return [*found, ("compare", asking.html("compare", compared(hostile)))]


def test_no_field_of_a_ledger_becomes_markup(every_page: Pages) -> None:
    allowed = own_tags()
    for path, html in every_page:
        page = read(html)
        assert {one.tag for one in page.elements} <= allowed, path
        assert b"<x-evil" not in html, path
        for one in page.elements:
            assert not [
                name for name in one.attributes if name.startswith("on") or name == "style"
            ], path


def test_scripts_are_files_of_ours_or_data(every_page: Pages) -> None:
    for path, html in every_page:
        page = read(html)
        for one, content in zip(page.all("script"), page.scripts, strict=True):
            if "src" in one.attributes:
                assert re.fullmatch(r"(\.\./)?assets/[a-z]+\.js", one.attributes["src"]), path
                assert not content.strip(), path
            else:
                assert one.attributes == {"type": "application/json", "id": "proof"}, path
                assert json.loads(content).keys() == {"v", "receipt", "vkey", "live"}
                assert "<" not in content, path


def test_controls_and_directions_are_seen_and_do_nothing(every_page: Pages) -> None:
    seen = ""
    for path, html in every_page:
        assert not _CONTROLS.search(html.decode()), path
        seen += read(html).text
    for sign in ("⟨U+202E⟩", "⟨U+2066⟩", "⟨U+001B⟩", "⟨U+200B⟩", "⟨U+FEFF⟩"):
        assert sign in seen, sign


def test_templates_in_claims_are_not_evaluated(every_page: Pages) -> None:
    for path, html in every_page:
        assert b"zqzqzqzq" not in html, path


def test_every_link_leads_to_a_page_of_ours(every_page: Pages) -> None:
    for path, html in every_page:
        for link in read(html).links:
            assert re.fullmatch(r"(\.\./)?[a-z0-9/?=&%.#:+_-]*", link), (path, link)
            assert not link.startswith(("//", "http", "javascript", "data")), (path, link)


def test_long_texts_are_cut_and_whole_in_the_twin(hostile: Hostile, every_page: Pages) -> None:
    asking, pages = hostile
    for path, html in every_page:
        assert LONG[:5000].encode() not in html or path.startswith("entries/"), path
        assert len(html) < 400_000, path
    path = next(page for page in pages if LONG in json.dumps(asking.twin(page)))
    assert "(10,000 characters)" in asking.page(path).text


def test_twins_are_plain_ascii_and_never_html(hostile: Hostile) -> None:
    asking, pages = hostile
    for path in pages:
        kind_free = json.dumps(asking.twin(path))
        assert kind_free.isascii()
        assert not _CONTROLS.search(kind_free)


def test_formulas_stay_texts_of_a_cell(hostile: Hostile) -> None:
    asking, pages = hostile
    assert any(FORMULA in asking.page(path).text for path in pages)


def test_a_page_shows_the_evil_text_itself(hostile: Hostile) -> None:
    """Escaped is not removed: an auditor sees what was written."""
    asking, pages = hostile
    texts = "".join(asking.page(path).text for path in pages)
    for text in (EVIL, TEMPLATE):
        assert text in texts


def test_the_search_form_gives_back_hostile_words_as_text(hostile: Hostile) -> None:
    asking, _ = hostile
    page = asking.page("entries", "text=%22%3E%3Cx-evil%20onx%3D1%3E")
    assert [one for one in page.all("input") if one.attributes.get("value") == '"><x-evil onx=1>']
    assert not page.all("x-evil")


@given(st.text())
def test_shown_text_is_one_bdi_whatever_stands_in_it(text: str) -> None:
    page = read(str(shown(text, 10_000)).encode())
    assert [one.tag for one in page.elements] == ["bdi"]
    assert page.text == spelled_out(text)
    assert page.text.isprintable()


@given(st.text())
def test_shown_blocks_hold_nothing_but_text(text: str) -> None:
    page = read(str(shown_block(text)).encode())
    assert [one.tag for one in page.elements] == ["pre", "bdi"]


@given(st.dictionaries(st.text(), st.text()))
def test_a_data_block_is_its_json_and_cannot_end(fields: dict[str, str]) -> None:
    block = str(data_block(fields))
    assert not set(block) & set("<>&'\u2028\u2029")
    assert json.loads(block) == fields
    assert read(f"<script>{block}</script>".encode()).scripts == [block]


@pytest.mark.parametrize("text", [ANSI, BIDI])
def test_what_nobody_sees_is_spelled_out(text: str) -> None:
    assert spelled_out(text).isprintable()
    assert spelled_out("plain ünicode ✓") == "plain ünicode ✓"


def headings(page: ReadPage) -> list[int]:
    return [int(one.tag[1]) for one in page.elements if re.fullmatch(r"h[1-6]", one.tag)]


def test_people_without_sight_or_mouse_find_their_way(every_page: Pages) -> None:
    for path, html in every_page:
        page = read(html)
        levels = headings(page)
        assert levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in pairwise(levels)), path
        assert len(page.ids) == len(set(page.ids)), path
        assert [one.attributes["lang"] for one in page.all("html")] == ["en"]
        assert page.links[0] == "#main", path
        assert "main" in page.ids, path
        assert len(page.all("table")) == len(page.all("caption")), path
        for one in page.all("th"):
            assert one.attributes.get("scope") in {"row", "col"}, path
        labelled = {one.attributes["for"] for one in page.all("label")}
        fields = [
            one
            for one in (*page.all("input"), *page.all("select"))
            if one.attributes.get("type") != "hidden"
        ]
        assert {one.attributes["id"] for one in fields} == labelled, path
        for one in page.all("section"):
            assert one.attributes["aria-labelledby"] in page.ids, path
