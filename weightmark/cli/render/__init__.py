"""Output forms: `interface.py` says what is shown, one file says how for each form."""

from importlib import import_module
from types import MappingProxyType
from typing import cast

from weightmark.cli.render.interface import (
    CheckLine,
    Document,
    FindingLine,
    Outcome,
    Renderer,
    Style,
)

__all__ = [
    "FORMATS",
    "CheckLine",
    "Document",
    "FindingLine",
    "Outcome",
    "Renderer",
    "Style",
    "renderer",
]

FORMATS = MappingProxyType(
    {
        "github": "weightmark.cli.render.github:GithubRenderer",
        "json": "weightmark.cli.render.json_form:JsonRenderer",
        "jsonl": "weightmark.cli.render.jsonl:JsonLinesRenderer",
        "junit": "weightmark.cli.render.junit:JunitRenderer",
        "markdown": "weightmark.cli.render.markdown:MarkdownRenderer",
        "sarif": "weightmark.cli.render.sarif:SarifRenderer",
        "text": "weightmark.cli.render.text:TextRenderer",
    }
)
"""name of a form to the import path of its renderer"""


def renderer(name: str) -> Renderer:
    """Return the renderer of a form named in `FORMATS`."""
    module, _, attribute = FORMATS[name].partition(":")
    return cast("Renderer", getattr(import_module(module), attribute)())
