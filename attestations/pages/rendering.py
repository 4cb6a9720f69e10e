"""Writing a page: one template, one view, one set of links. Autoescape is on, and an unknown name is an error."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from weightmark.attestations.checks import counted
from weightmark.attestations.pages.files import SCRIPTS, STYLE
from weightmark.attestations.pages.links import Links
from weightmark.attestations.pages.text import shown, shown_block

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["META_POLICY", "POLICY", "data_block", "render"]

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of every page that is served"""
META_POLICY = (
    "default-src 'none'; style-src 'self' file:; script-src 'self' file:; connect-src 'self'; "
    "img-src 'self' data:; form-action 'none'; base-uri 'none'"
)
"""the same for the static site, which nobody may serve with headers; a `meta` knows no `frame-ancestors`"""
_HIDDEN = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "'": "\\u0027",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def render(template: str, links: Links, twin: str = "", **values: Any) -> bytes:
    """Write a page; `twin` is the link to its JSON, empty where it has none."""
    page = _environment().get_template(f"{template}.html")
    text = page.render(
        links=links,
        twin=twin,
        meta_policy=META_POLICY if links.static else "",
        style=STYLE,
        scripts=SCRIPTS,
        **values,
    )
    return text.encode()


def data_block(fields: dict[str, Any]) -> "Markup":
    """Write JSON that stands in a `<script type="application/json">` and cannot end it."""
    from markupsafe import Markup

    text = json.dumps(fields)
    for sign, written in _HIDDEN.items():
        text = text.replace(sign, written)
    return Markup(text)  # noqa: S704 - every sign that HTML reads was replaced


def picture(svg: str) -> "Markup":
    """Mark a picture that `Drawing` or `Timeline` made as HTML: both escape every label."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704 - made by our own code from escaped texts


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("weightmark.attestations.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "shown": shown,
        "block": shown_block,
        "picture": picture,
        "size": _size,
        "count": _count,
    }
    return made


def _size(size: int) -> str:
    """Write bytes for people."""
    value, units = float(size), ("bytes", "kB", "MB", "GB", "TB", "PB")
    unit = 0
    while value >= 1000 and unit + 1 < len(units):  # noqa: PLR2004 - decimal units
        value, unit = value / 1000, unit + 1
    return counted(size, "byte") if not unit else f"{value:.1f} {units[unit]}"


def _count(number: int) -> str:
    return f"{number:,}"
