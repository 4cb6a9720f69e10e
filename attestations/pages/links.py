"""Relative links between pages, the same for a server and for a folder of files."""

import re
from collections.abc import Callable
from urllib.parse import quote

from weightmark.values import dataclass

__all__ = ["Links"]

_NAME = re.compile(r"(wm1|sha256|key|salted):([0-9a-f]{64})")


def _everything(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Links:
    """How one page names the others."""

    depth: int = 0
    """folders between this page and the root"""
    static: bool = False
    """whether pages are files, `entries/3.html`, of which some do not exist"""
    knows: Callable[[str], bool] = _everything
    """tells of a name whether there is a page about it"""

    @property
    def root(self) -> str:
        """The way to the root: empty, `../` or `../../`."""
        return "../" * self.depth

    def page(self, path: str, query: str = "") -> str:
        """Return the link to a page; `path` is its address below the root, empty for the overview."""
        if self.static:
            return f"{self.root}{path or 'index'}.html"
        link = f"{self.root}{path}" or "./"
        return f"{link}?{query}" if query else link

    def paged(self, path: str, query: str, **key: int) -> str:
        """Return the link to another page of a list: `before`, `after` or `files`, and where it begins."""
        if not key:
            return self.page(path, query)
        ((name, at),) = key.items()
        if self.static:
            return self.page(f"{path}-{name}-{at}")
        return self.page(path, f"{query}&{name}={at}" if query else f"{name}={at}")

    def twin(self, path: str, query: str = "") -> str:
        """Return the link to the JSON twin of a page."""
        link = f"{self.root}{path or 'index'}.json"
        return f"{link}?{query}" if query and not self.static else link

    def entry(self, index: int) -> str:
        """Return the link to an entry."""
        return self.page(f"entries/{index}")

    def named(self, name: str) -> str:
        """Return the link to whatever an entry names: an artifact or file, or a signer; empty for neither."""
        match = _NAME.fullmatch(name)
        if match is None or not self.knows(name):
            return ""
        if match[1] in ("wm1", "sha256"):
            return self.page(f"artifacts/{match[2]}")
        return self.page(f"signers/{match[1]}-{match[2]}")

    def asset(self, name: str) -> str:
        """Return the link to a style or script."""
        return f"{self.root}assets/{quote(name)}"
