"""One JSON object, for machines."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from weightmark.cli.render.interface import Document, Style
from weightmark.visible import without_surrogates

__all__ = ["JsonRenderer", "clean", "json_text"]

_ENVELOPE = ("schema", "verdict", "exit", "checks", "findings")


class JsonRenderer:
    """The form of `weightmark/<command>/v1`: an envelope, then the facts of the command."""

    def render(self, document: Document, style: Style) -> str:  # noqa: ARG002 - one look for all
        """Return the document as one JSON object, indented by two spaces.

        Raises `ValueError` when a fact would hide a member of the envelope.
        """
        clash = [name for name in _ENVELOPE if name in document.facts]
        if clash:
            raise ValueError(f"facts may not be named {clash}")
        envelope: dict[str, Any] = {
            "schema": document.schema,
            "verdict": document.verdict,
            "exit": int(document.exit),
            "checks": [asdict(check) for check in document.checks],
            "findings": [asdict(finding) for finding in document.findings],
        }
        facts = {name: document.facts[name] for name in sorted(document.facts)}
        return json_text(envelope | facts)


def json_text(value: Mapping[str, Any]) -> str:
    """Return strict, ASCII-only JSON text with a newline at its end."""
    return json.dumps(clean(value), indent=2, allow_nan=False) + "\n"


def clean(value: Any) -> Any:
    """Return a JSON value in which every text can be written as UTF-8, see `without_surrogates`."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, Mapping):
        return {without_surrogates(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value
