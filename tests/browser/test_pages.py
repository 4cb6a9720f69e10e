"""Every kind of page in a real browser: quiet, inert, readable by everybody, with and without scripts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.ledger.served import ServedLedger, serving
from tests.browser.chromium import Browser, Facts, Visitor
from tests.browser.registry import KINDS, Pages
from tests.browser.world import HOSTILE, World

pytestmark = pytest.mark.needs("node", "playwright", "chromium")

NARROW = {"width": 320, "height": 640}
REFLOWED = ["target-size", "scrollable-region-focusable", "aria-hidden-focus", "meta-viewport"]
"""rules of axe whose answer may change with the width"""


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[ServedLedger]:
    with serving(world.ledger, "--read-only") as running:
        yield running


@pytest.fixture(scope="module")
def pages(world: World) -> Pages:
    return Pages.of(world)


def look(visitor: Visitor, served: ServedLedger, path: str) -> Facts:
    """Go to a page and tell what became of it."""
    visitor.visit(f"{served.url}/{path}")
    if visitor.attributes("#proof-check", "data-mode"):
        visitor.proof()
    return visitor.facts()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_quiet_and_asks_nobody_else(
    browser: Browser, served: ServedLedger, pages: Pages, kind: str
) -> None:
    with browser.visitor() as visitor:
        status = visitor.visit(f"{served.url}/{pages.path(kind)}")
        assert status == (404 if kind == "not found" else 200)
        facts = visitor.facts()
        failed = "Failed to load resource: the server responded with a status of 404 (Not Found)"
        if kind == "not found":
            assert facts.console == [failed]
            facts.console.clear()
        facts.require_quiet(served.url)
        assert facts.language == "en"
        assert facts.title.endswith("ledger.example/models")
        assert len(visitor.texts("h1")) == 1
        assert visitor.attributes("iframe, object, embed, base", "src") == []


def test_nothing_that_was_stored_runs_anywhere(
    browser: Browser, served: ServedLedger, pages: Pages
) -> None:
    with browser.visitor() as visitor:
        for path in pages.hostile():
            look(visitor, served, path).require_quiet(served.url)
            assert visitor.attributes("main img, main iframe, main style", "src") == []
            handlers = visitor.attributes("[onerror], [onfocus], [onload], [onbegin]", "class")
            assert handlers == [], path
            for link in visitor.ask("links")["links"]:
                assert link.startswith(served.url), (path, link)


@pytest.mark.parametrize("kind", ["markup", "script", "vector"])
def test_a_name_that_was_not_escaped_would_be_noticed(
    browser: Browser, served: ServedLedger, kind: str
) -> None:
    page = served.get("/check").body.replace(b"</main>", HOSTILE[kind].encode() + b"</main>")
    with browser.visitor() as visitor:
        visitor.replace("/check", page)
        facts = look(visitor, served, "check")
        assert facts.marked == "", "the content security policy holds"
        with pytest.raises(AssertionError):
            facts.require_quiet(served.url)


@pytest.mark.parametrize("kind", ["markup", "script", "comment", "template", "formula"])
def test_what_was_stored_is_shown_as_it_was_written(
    browser: Browser, served: ServedLedger, pages: Pages, kind: str
) -> None:
    with browser.visitor() as visitor:
        facts = look(visitor, served, f"entries/{pages.index('approve', f'hostile {kind}')}")
        assert json.dumps(HOSTILE[kind])[1:-1] in facts.main


def test_signs_that_turn_text_around_are_written_out(
    browser: Browser, served: ServedLedger, pages: Pages
) -> None:
    with browser.visitor() as visitor:
        for kind in ("direction", "terminal"):
            path = f"entries/{pages.index('approve', f'hostile {kind}')}"
            facts = look(visitor, served, path)
            assert not {"\u202e", "\u202c", "\x1b", "\x07"} & set(facts.main)
            assert "202E" in facts.main or "1B" in facts.main.upper()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_the_same_without_scripts(
    browser: Browser, served: ServedLedger, pages: Pages, kind: str
) -> None:
    def say(*, scripts: bool) -> list[str]:
        with browser.visitor(javaScriptEnabled=scripts) as visitor:
            visitor.visit(f"{served.url}/{pages.path(kind)}")
            output = set(
                "\n".join(visitor.texts(".proof-state, .proof-output, .proof-form")).split("\n")
            )
            said = re.sub(r"this page was made \S+", "", visitor.facts().main)
            return [one for one in said.split("\n") if one and one not in output]

    assert say(scripts=True) == say(scripts=False)


@pytest.mark.parametrize("kind", KINDS)
def test_tab_reaches_everything_and_shows_where_it_is(
    browser: Browser, served: ServedLedger, pages: Pages, kind: str
) -> None:
    with browser.visitor() as visitor:
        look(visitor, served, pages.path(kind))
        walked = visitor.ask("tabs")
        assert walked["missed"] == []
        assert walked["unmarked"] == []
        assert 'href="#main"' in walked["reached"][0]


def test_the_first_key_skips_to_the_content(browser: Browser, served: ServedLedger) -> None:
    with browser.visitor() as visitor:
        visitor.visit(f"{served.url}/entries")
        visitor.ask("press", key="Tab")
        visitor.ask("press", key="Enter")
        assert visitor.facts().active == "main"


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_barriers(
    browser: Browser, served: ServedLedger, pages: Pages, kind: str
) -> None:
    with browser.visitor(colorScheme="light") as visitor:
        look(visitor, served, pages.path(kind))
        checked = visitor.ask("axe", rules=None)
        assert checked["violations"] == []
        assert checked["passes"] > 10
        visitor.ask("scheme", colorScheme="dark")
        dark = visitor.ask("axe", rules=["color-contrast"])
        assert dark == {"violations": [], "passes": 1}
        visitor.ask("resize", size=NARROW)
        assert visitor.ask("axe", rules=REFLOWED)["violations"] == []
        facts = visitor.facts()
        assert facts.width == NARROW["width"]
        assert facts.scrollWidth <= facts.width


@pytest.mark.parametrize("kind", ["overview", "artifact", "decision", "revocations", "entry"])
def test_a_page_prints_what_it_says(
    browser: Browser, served: ServedLedger, pages: Pages, kind: str, tmp_path: Path
) -> None:
    with browser.visitor(media="print", viewport={"width": 700, "height": 900}) as visitor:
        facts = look(visitor, served, pages.path(kind))
        assert facts.scrollWidth <= facts.width
        assert facts.main
        assert visitor.ask("shown", selector="nav, form, .skip, button")["shown"] == []
        visitor.ask("print", path=str(tmp_path / "page.pdf"))
        assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
