"""The answer of `weightmark diff` as release notes: headings that people look for, and no words for machines."""

from collections.abc import Iterator

from weightmark.cli.render.interface import CheckLine, Document
from weightmark.code_spans import code_span

__all__ = ["release_notes"]

_HEADINGS = {
    "identity": "Identity",
    "files": "Files",
    "tensors": "Tensors",
    "keys": "Configuration",
    "tokenizer": "Tokenizer",
    "claims": "Claims",
}
_OTHERS = "Could not be compared"


def release_notes(before: str, after: str, document: Document) -> str:
    """Return Markdown in which whatever comes from outside stands in code spans."""
    parts = [f"## Changes from {code_span(before)} to {code_span(after)}"]
    if document.facts["weights_only"]:
        parts.append(code_span(document.headline))
    elif document.verdict == "identical":
        parts.append("Nothing changed.")
    told = ""
    for check in document.checks:
        heading = _HEADINGS.get(check.name.partition(" ")[0], _OTHERS)
        if heading != told:
            parts.append(f"### {heading}")
        told = heading
        parts.append("\n".join(_lines(check, named=heading == _OTHERS)))
    return "\n\n".join(parts) + "\n"


def _lines(check: CheckLine, *, named: bool) -> Iterator[str]:
    if named:
        yield f"{code_span(check.name)}: {code_span(check.summary)}"
    else:
        yield code_span(check.summary)
    if check.details:
        yield ""
        yield from (f"- {code_span(detail)}" for detail in check.details)
