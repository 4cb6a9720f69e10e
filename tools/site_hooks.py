"""What MkDocs cannot do by itself for this site: sections from folders, links that lead out of docs/, bars in code.

A folder in `nav` (`guides/`) stands for all its pages. A file of the repository that a page links to
and that lies outside of docs/ gets a place in the site, so that no link ends nowhere.
In a table, GitHub wants `\\|` within code, and shows a bar; Python-Markdown would show both.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""files at other places of the repository that are pages of the site"""
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"(\]\()((?!https?:|mailto:|#)[^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder where `nav` names the folder."""
    config.nav = [_expanded(entry, Path(config.docs_dir)) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere, and every file outside of docs/ that a page links to."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=_relinked(text, source, place)))
    sources = {f"docs/{one.src_uri}": one.content_string for one in files.documentation_pages()}
    sources |= {source: (ROOT / source).read_text(encoding="utf-8") for source in PAGES}
    for target in sorted(
        {one for source, text in sources.items() for one in _outside(text, source)}
    ):
        content = (ROOT / target).read_bytes()
        files.append(File.generated(config, _place(target), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Make links that lead out of docs/ lead to the copies, and bars in code bars."""
    place = page.file.src_uri
    text = markdown if place in PAGES.values() else _relinked(markdown, f"docs/{place}", place)
    return _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), text)


def on_post_page(output: str, **_: Any) -> str:
    """Give the search a name, which the theme leaves out, for those who have the page read to them."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def _expanded(entry: Any, docs: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    ((title, value),) = entry.items()
    if isinstance(value, list):
        return {title: [one for item in value for one in _members(item, docs)]}
    return {title: _members(value, docs) if value.endswith("/") else value}


def _members(item: Any, docs: Path) -> list[Any]:
    if not (isinstance(item, str) and item.endswith("/")):
        return [_expanded(item, docs)]
    found = sorted(
        (docs / item).glob("*.md"), key=lambda path: (path.name != "index.md", path.name)
    )
    return [str(path.relative_to(docs)) for path in found if not path.name.startswith("0000-")]


def _outside(text: str, source: str) -> set[str]:
    targets = {_target(link, source) for _, link in _LINK.findall(text)}
    return {one for one in targets if _leads_out(one) and one not in PAGES}


def _leads_out(target: str) -> bool:
    return not target.startswith(("docs/", "..")) and (ROOT / target).is_file()


def _relinked(text: str, source: str, place: str) -> str:
    def lead(match: re.Match[str]) -> str:
        target = _target(match[2], source)
        if target.startswith("docs/"):
            target = target.removeprefix("docs/")
        elif _leads_out(target):
            target = PAGES.get(target) or _place(target)
        else:
            return match[0]
        return match[1] + posixpath.relpath(target, posixpath.dirname(place) or ".")

    return _LINK.sub(lead, text)


def _target(link: str, source: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _place(target: str) -> str:
    """Return where a copy of a repository file lies in the site; the suffix keeps it from becoming a page."""
    return f"files/{target}.txt" if target.endswith(".md") else f"files/{target}"
