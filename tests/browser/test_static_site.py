"""The static site: the same pages from any web server and from a folder, with the same proof check."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.attestations.ledger.served import serving
from tests.browser.chromium import Browser
from tests.browser.registry import KINDS, Pages
from tests.browser.world import World

pytestmark = pytest.mark.needs("node", "playwright", "chromium")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serve a folder as any web server would; gives its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def site(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site of the world's ledger."""
    folder = tmp_path_factory.mktemp("site") / "site"
    world.run("ledger", "export", "--html", str(folder), "--ledger", "ledger")
    return folder


@pytest.fixture(scope="module")
def pages(world: World) -> Pages:
    return Pages.of(world)


@pytest.fixture(params=["server", "folder"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Return where the site stands: on a web server, or as files."""
    if request.param == "folder":
        yield f"file://{site}"
    else:
        with web_server(site) as url:
            yield url


class _Links(HTMLParser):
    """Collect what a page points at."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        self.found += [given[name] for name in ("href", "src", "action") if name in given]


def read_links(page: Path) -> _Links:
    links = _Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def test_every_link_of_the_site_leads_to_a_file_of_the_site(site: Path) -> None:
    all_pages = sorted(site.rglob("*.html"))
    assert len(all_pages) > 60
    for page in all_pages:
        links = read_links(page)
        for link in links.found:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, (page, link)
            assert not parts.netloc, (page, link)
            assert not parts.query, (page, link)
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), (page, link)
            assert target.is_relative_to(site.resolve())
            if target == page and parts.fragment:
                assert parts.fragment in links.ids, (page, link)


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    waiting, seen = [site / "index.html"], set[Path]()
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".html":
            continue
        seen.add(page)
        for link in read_links(page).found:
            path = unquote(urlsplit(link).path)
            if path:
                waiting.append((page.parent / path).resolve())
    assert {one.resolve() for one in site.rglob("*.html")} - {
        one.resolve() for one in seen
    } == set()


def test_every_kind_of_page_is_quiet(browser: Browser, pages: Pages, address: str) -> None:
    with browser.visitor() as visitor:
        for kind in KINDS:
            path = pages.static_path(kind)
            if path:
                visitor.visit(f"{address}/{path}")
                facts = visitor.facts()
                facts.require_quiet(address)
                assert facts.main
                assert facts.scrollWidth <= facts.width


def test_a_page_says_what_the_served_one_says(
    browser: Browser, world: World, pages: Pages, site: Path
) -> None:
    with serving(world.ledger, "--read-only") as served, browser.visitor() as visitor:
        for kind in ("artifact", "decision", "revocations"):
            visitor.visit(f"{served.url}/{pages.path(kind)}")
            live = visitor.facts().main
            visitor.visit(f"file://{site}/{pages.static_path(kind)}")
            assert (
                visitor.facts().main.split("\nCompare\n")[0].strip()
                == live.split("\nCompare\n")[0].strip()
            )


def test_the_proof_check_is_green_under_the_right_key_alone(
    browser: Browser, world: World, pages: Pages, address: str
) -> None:
    with browser.visitor() as visitor:
        visitor.visit(f"{address}/{pages.static_path('entry')}")
        assert visitor.proof() == "unpinned"
        visitor.pin(world.vkey)
        assert visitor.proof() == "proven"
        visitor.visit(f"{address}/{pages.static_path('hostile entry')}")
        assert visitor.proof() == "proven"
        visitor.visit(f"{address}/check.html")
        receipt = world.folder / "base" / "model.receipt"
        visitor.ask("choose", selector="#proof-receipt", files=[str(receipt)])
        assert visitor.proof() == "proven"
        visitor.facts().require_quiet(address)


def test_a_page_of_the_site_that_was_changed_is_red(
    browser: Browser, world: World, pages: Pages, site: Path
) -> None:
    entry = pages.static_path("entry")
    page = (site / entry).read_text(encoding="utf-8")
    with browser.visitor() as visitor:
        visitor.visit(f"file://{site}/{entry}")
        visitor.pin(world.vkey)
        assert visitor.proof() == "proven"
        changed = site / "entries" / "999.html"
        changed.write_text(page)
        try:
            visitor.visit(f"file://{changed}")
            assert visitor.proof() == "failed"
        finally:
            changed.unlink()


def test_a_newer_site_in_the_same_place_is_followed_and_an_older_one_is_red(
    browser: Browser, world: World, pages: Pages, site: Path, tmp_path: Path
) -> None:
    ledger = Path(shutil.copytree(world.ledger, tmp_path / "one" / "ledger"))
    words = (
        "--reason",
        "again",
        "--key",
        str(world.folder / "security.key"),
        "--ledger",
        str(ledger),
    )
    world.run("revoke", world.identities["corpus"], *words, home=tmp_path / "home")
    newer = tmp_path / "newer"
    world.run(
        "ledger", "export", "--html", str(newer), "--ledger", str(ledger), home=tmp_path / "home"
    )
    place = tmp_path / "www"
    with web_server(place) as address, browser.visitor() as visitor:
        for folder, state in ((site, "proven"), (newer, "proven"), (site, "failed")):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder, place)
            visitor.visit(f"{address}/{pages.static_path('entry')}")
            if folder == site and state == "proven":
                visitor.pin(world.vkey)
            assert visitor.proof() == state
