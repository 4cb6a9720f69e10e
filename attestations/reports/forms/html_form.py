"""Reports as one HTML file: no script, nothing from elsewhere, readable on paper; everything is escaped."""

import re
from typing import TYPE_CHECKING

from weightmark.attestations.reports.document import LinkTo, Report
from weightmark.attestations.reports.words import Cell, Quoted
from weightmark.errors import Exit
from weightmark.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["HtmlForm"]

_WORDS = re.compile(r"`([^`\n]+)`")
_PAGE = """<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{ style_hash }}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{ report.title | visible }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>{{ report.title | visible }}</h1>
<dl>
{%- for label, value in report.lead %}
<dt>{{ label }}</dt><dd>{{ cell(value) }}</dd>
{%- endfor %}
</dl>
{%- for notice in report.notices %}
<p class="notice">{{ cell(notice) }}</p>
{%- endfor %}
{%- for section in report.sections %}
<section>
<h2>{{ cell(section.title) }}{% if section.state %} <span class="state">{{ section.state }}</span>{% endif %}</h2>
{%- for one in section.paragraphs %}
<p>{{ cell(one) }}</p>
{%- endfor %}
{%- if section.table and section.table.rows %}
<div class="scroll" tabindex="0">
<table>
<thead><tr>{% for one in section.table.headings %}<th scope="col">{{ one }}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in section.table.rows %}
<tr>{% for one in row %}<td>{{ cell(one) }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endif %}
</section>
{%- endfor %}
</main>
</body>
</html>
"""
_CELL = """{%- for kind, text in parts %}{% if kind == "link" %}<a href="{{ text }}.html"><code>{{ parts_text }}</code></a>{% elif kind == "code" %}<code>{{ text }}</code>{% else %}{{ text }}{% endif %}{% endfor -%}"""
_STYLE = """
:root{color-scheme:light dark;--line:#8886;--soft:#8882}
html{background:Canvas;color:CanvasText}
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1.5rem}
main{max-width:72rem;margin:0 auto}
h1{font-size:1.6rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem;break-after:avoid}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}dd{margin:0}
code{font:.875em/1.4 ui-monospace,monospace;overflow-wrap:anywhere;unicode-bidi:isolate}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
th{background:var(--soft)}tr{break-inside:avoid}
.scroll{overflow-x:auto}
.state{font-size:.8rem;font-weight:400;border:1px solid var(--line);border-radius:.25rem;padding:.05rem .4rem}
.notice{border-left:.25rem solid currentcolor;padding-left:.75rem;font-weight:600}
@media(max-width:40rem){dl{grid-template-columns:1fr}}
@media print{body{padding:0;font-size:10pt}.scroll{overflow:visible}a{color:inherit}}
"""


class HtmlForm:
    """One page."""

    suffix = ".html"

    def render(self, report: Report, code: Exit) -> str:  # noqa: ARG002 - what it ended with is said in JSON
        """Return the page."""
        import base64
        import hashlib

        from markupsafe import Markup

        digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
        environment = _environment()
        cells = environment.from_string(_CELL)

        def cell(value: Cell | LinkTo) -> Markup:
            if isinstance(value, LinkTo):
                text = cells.render(parts=[("link", value.stem)], parts_text=visible(value.text))
            else:
                text = cells.render(parts=_parts(value), parts_text="")
            return Markup(text)  # noqa: S704 - what a template with autoescape made

        page = environment.from_string(_PAGE)
        style = Markup(_STYLE)  # noqa: S704 - a constant of this module
        return (
            page.render(report=report, cell=cell, style=style, style_hash=f"sha256-{digest}") + "\n"
        )


def _environment() -> "Environment":
    from jinja2 import Environment, StrictUndefined

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    made.filters["visible"] = visible
    return made


def _parts(value: Cell) -> list[tuple[str, str]]:
    """Return what is code and what are words; code of our own stands between backticks."""
    found: list[tuple[str, str]] = []
    for one in [value] if isinstance(value, str) else value:
        if found:
            found.append(("words", " "))
        if isinstance(one, Quoted):
            found.append(("code", visible(one)))
            continue
        for at, part in enumerate(_WORDS.split(visible(one))):
            if part:
                found.append(("code" if at % 2 else "words", part))
    return found
