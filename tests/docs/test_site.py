"""The site needs nobody: every link leads somewhere, nothing is fetched, nothing is left out."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from tests.docs.tours import ROOT

_SOURCES = (
    "docs",
    "ci",
    "tools",
    "benchmarks",
    "mkdocs.yml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)
_FETCHED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "object": "data",
}


def build(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of `root` as `make check` does, with proxies that lead nowhere."""
    nowhere = "http://127.0.0.1:9"
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=root,
        env={
            **os.environ,
            "NO_MKDOCS_2_WARNING": "1",
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
        },
        capture_output=True,
        text=True,
        check=False,
    )


class _Page(HTMLParser):
    """What a page links to, what it fetches, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag in _FETCHED and _FETCHED[tag] in given:
            self.fetched.add(given[_FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = build(ROOT, target)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Page]:
    return {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_a_page_fetches_nothing_from_elsewhere(site: Path, pages: dict[Path, _Page]) -> None:
    remote = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
    assert {one for page in pages.values() for one in page.fetched if remote.match(one)} == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)]*", styles) == []


def test_no_page_asks_for_diagrams_which_the_theme_would_fetch(site: Path) -> None:
    assert [path for path in site.rglob("*.html") if 'class="mermaid"' in path.read_text()] == []


def test_every_link_of_the_site_leads_to_a_file_and_a_place_in_it(
    site: Path, pages: dict[Path, _Page]
) -> None:
    dead = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.links:
            target, anchor = urldefrag(link)
            if re.match(r"(?:https?|mailto):", link) or target == "..":
                continue
            place = path if not target else Path(os.path.normpath(path.parent / unquote(target)))
            place = place / "index.html" if place.is_dir() else place
            known = pages[place].anchors if place in pages else {anchor}
            if not place.is_file() or (anchor and unquote(anchor) not in known):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []


def test_every_page_of_docs_is_in_the_site_and_in_its_navigation(site: Path) -> None:
    written = {
        path.relative_to(ROOT / "docs").with_suffix(".html")
        for path in (ROOT / "docs").rglob("*.md")
        if not path.name.startswith("0000-") and path.name != "README.md"
    }
    assert sorted(one for one in written if not (site / one).is_file()) == []
    home = _Page((site / "index.html").read_text(encoding="utf-8"))
    linked = {Path(os.path.normpath(urldefrag(link)[0])) for link in home.links}
    assert sorted(str(one) for one in written - linked) == []


def test_a_bar_in_code_is_shown_as_a_bar(site: Path) -> None:
    shown = (site / "reference/commands/gate.html").read_text(encoding="utf-8")
    assert "--policy PRESET|FILE" in shown
    assert "\\|" not in shown


def test_what_stands_beside_docs_is_in_the_site(site: Path) -> None:
    assert "How to report" in (site / "project/security.html").read_text(encoding="utf-8")
    assert (site / "project/changelog.html").is_file()
    assert (site / "files/ci/Containerfile").read_bytes() == (
        ROOT / "ci/Containerfile"
    ).read_bytes()


def test_the_search_has_a_name_for_those_who_cannot_see_it(site: Path) -> None:
    assert 'role="dialog" aria-label="Search"' in (site / "index.html").read_text(encoding="utf-8")


def test_the_site_can_be_searched_without_a_service(site: Path) -> None:
    index = (site / "search/search_index.json").read_text(encoding="utf-8")
    assert "PKL001" in index
    assert "weightmark ledger append" in index


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    """`--quiet` would swallow the very warnings that `--strict` counts."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in _SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / name)
    for page in (tree / "docs").rglob("*.md"):
        if page.parent.name in {"reference", "commands", "guides"}:
            page.write_text("# Left empty, for speed\n")
    lost = ("gone.md", "index.md#no-such-part", "../ci/gone.txt")
    (tree / "docs/why.md").write_text("".join(f"[lost]({one})\n" for one in lost))
    done = build(tree, tmp_path / "site")
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert [one for one in ("gone.md", "no-such-part", "gone.txt") if one not in said] == []
