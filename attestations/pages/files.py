"""The style and the scripts of the pages: files of this package, known by name, and no others."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

__all__ = ["SCRIPTS", "STYLE", "asset_files", "media_type"]

STYLE = "pages.css"
SCRIPTS = ("tree.js", "proof.js", "history.js", "panel.js", "check.js")
"""in the order in which a page loads them"""
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@cache
def asset_files() -> Mapping[str, bytes]:
    """Return the content of every asset by its name."""
    folder = files("weightmark.attestations.pages") / "assets"
    return MappingProxyType({name: (folder / name).read_bytes() for name in (STYLE, *SCRIPTS)})


def media_type(name: str) -> str:
    """Return the media type of an asset."""
    return _TYPES[name[name.rindex(".") :]]
