"""What a check says about a file of the artifact, as a finding at that file, and once."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from weightmark.cli.render.interface import CheckLine, Document, FindingLine, Outcome
from weightmark.errors import MalformedError
from weightmark.provenance.names import unescape_path

__all__ = ["at_files"]

_ABOUT = re.compile(r"`(?P<name>[^`]+)`(?P<said>.*)", re.DOTALL)
_GONE = " is missing"
_SEVERITIES = {Outcome.FAIL: "high", Outcome.UNCHECKED: "medium"}


def at_files(document: Document) -> Document:
    """Return the document with each detail that names a file of its artifact as a finding in that file.

    A document about several artifacts, or none, is returned as it is.
    """
    path = _path(document.facts)
    if not path:
        return document
    checks, found = list[CheckLine](), [*document.findings]
    for check in document.checks:
        if check.outcome not in _SEVERITIES:
            checks.append(check)
            continue
        told = list(dict.fromkeys(check.details))
        lines = {detail: line for detail in told for line in _lines(check, detail, path)}
        found += lines.values()
        if check.summary not in {line.message for line in lines.values()}:
            rest = tuple(detail for detail in told if detail not in lines)
            checks.append(replace(check, details=rest))
    return replace(document, checks=tuple(checks), findings=tuple(found))


def _path(facts: Mapping[str, Any]) -> str:
    """Return where the one artifact of a document lies; empty where there is none, or several."""
    artifacts = facts.get("artifacts", ())
    facts = artifacts[0] if len(artifacts) == 1 else facts
    path = facts.get("path") if isinstance(facts, Mapping) else None
    return path if isinstance(path, str) else ""


def _lines(check: CheckLine, detail: str, path: str) -> Iterator[FindingLine]:
    about = _ABOUT.match(detail)
    file = _file(about["name"], path, gone=about["said"] == _GONE) if about else ""
    if about and file:
        yield FindingLine(
            rule=check.name,
            severity=_SEVERITIES[check.outcome],
            message=detail if about["said"] else check.summary,
            location=about["name"],
            detail=check.why,
            help=check.fix,
            file=file,
        )


def _file(name: str, path: str, *, gone: bool) -> str:
    """Return where a file of the artifact is; empty for a name that is none."""
    try:
        plain = PurePosixPath(unescape_path(name))
    except MalformedError:
        return ""
    if plain.is_absolute() or ".." in plain.parts:
        return ""
    whole = Path(path)
    if whole.is_file():
        return path if str(plain) in {".", whole.name} else ""
    place = whole / plain
    return str(place) if gone or os.path.lexists(place) else ""
