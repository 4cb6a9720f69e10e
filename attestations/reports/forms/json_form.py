"""Reports as JSON: the envelope of every answer, and the facts; schema `weightmark/report/v1`."""

import json
from collections.abc import Mapping
from typing import Any

from weightmark.attestations.reports.document import Report
from weightmark.errors import Exit

__all__ = ["JsonForm"]


class JsonForm:
    """One object, ASCII only, indented by two spaces."""

    suffix = ".json"

    def render(self, report: Report, code: Exit) -> str:
        """Return the object; a lone surrogate, which JSON can't hold, is written as an escape."""
        envelope: dict[str, Any] = {
            "schema": "weightmark/report/v1",
            "verdict": "",
            "exit": int(code),
            "checks": [],
            "findings": [],
        }
        facts = {name: report.facts[name] for name in sorted(report.facts)}
        return json.dumps(_writable(envelope | facts), indent=2, allow_nan=False) + "\n"


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return str(value).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: _writable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(one) for one in value]
    return value
