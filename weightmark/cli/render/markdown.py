"""Markdown for a job summary or a pull request."""

from weightmark.cli.render.interface import CheckLine, Document, FindingLine, Outcome, Style
from weightmark.code_spans import code_span, table_cell

__all__ = ["MarkdownRenderer"]


class MarkdownRenderer:
    """Tables of GitHub's Markdown; whatever comes from outside stands in code spans.

    A code span shows mentions, links, images, HTML and emphasis as text.
    """

    def render(self, document: Document, style: Style) -> str:  # noqa: ARG002 - one look for all
        """Return the verdict, the findings and the checks."""
        parts = []
        if document.headline:
            parts.append(f"**{code_span(document.headline)}** (exit {int(document.exit)})")
        if document.lines:
            parts.append("\n".join(f"- {code_span(line)}" for line in document.lines))
        if document.findings:
            header = ("rule", "severity", "where", "what", "detail")
            parts.append(_table(header, [_finding(finding) for finding in document.findings]))
        if document.checks:
            rows = [row for check in document.checks for row in _check(check)]
            parts.append(_table(("check", "outcome", "what"), rows))
        return "".join(f"{part}\n\n" for part in parts)[:-1]


def _finding(finding: FindingLine) -> list[str]:
    where = finding.called
    if finding.offset is not None:
        where += f", byte {finding.offset:#x}"
    severity = f"{finding.severity}, accepted" if finding.accepted else finding.severity
    detail = finding.accepted or finding.detail
    return [finding.rule, severity, where, finding.message, detail]


def _check(check: CheckLine) -> list[list[str]]:
    first = [check.name, check.outcome.value, check.summary]
    rows = [first, *(["", "", detail] for detail in check.details)]
    if check.outcome is not Outcome.PASS:
        notes = (("why", check.why), ("help", check.fix))
        rows += [["", word, text] for word, text in notes if text]
    return rows


def _table(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(table_cell(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)
