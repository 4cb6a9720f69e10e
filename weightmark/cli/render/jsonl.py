"""JSON lines: one object a finding and a check, the verdict last."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from weightmark.cli.render.interface import Document, Style
from weightmark.cli.render.json_form import clean

__all__ = ["JsonLinesRenderer"]


class JsonLinesRenderer:
    """The form for pipes: every line is an object with a `type`; no `verdict` line, no answer."""

    def render(self, document: Document, style: Style) -> str:  # noqa: ARG002 - one look for all
        """Return a line for each finding, then for each check, then one with verdict and facts."""
        verdict = {
            "schema": document.schema,
            "verdict": document.verdict,
            "exit": int(document.exit),
            "headline": document.headline,
        }
        lines = [_line("finding", asdict(finding)) for finding in document.findings]
        lines += [_line("check", asdict(check)) for check in document.checks]
        return "".join([*lines, _line("verdict", {**document.facts, **verdict})])


def _line(kind: str, fields: Mapping[str, Any]) -> str:
    return json.dumps(clean({"type": kind, **fields}), allow_nan=False) + "\n"
