"""Text for a person: checks, findings, data, and the verdict as the last line."""

from weightmark.cli.render.interface import CheckLine, Document, FindingLine, Outcome, Style
from weightmark.visible import visible

__all__ = ["TextRenderer"]

_MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNCHECKED: "?", Outcome.INFO: "-"}
_PLAIN_MARKS = {**_MARKS, Outcome.PASS: "+", Outcome.FAIL: "x"}
_COLORS = {Outcome.PASS: 32, Outcome.FAIL: 31, Outcome.UNCHECKED: 33, Outcome.INFO: 2}
_SEVERE = frozenset({"critical", "high"})
_RED, _YELLOW, _GREEN = 31, 33, 32
_NAME_WIDTH = 12
_VERDICT_WIDTH = 76


class TextRenderer:
    """The form for people; every string is made visible first, see `visible`."""

    def render(self, document: Document, style: Style) -> str:
        """Return the document as text."""
        told = document.lines + (() if style.quiet else document.notices)
        lines = [visible(line) for line in told]
        width = max([_NAME_WIDTH, *(len(visible(check.name)) for check in document.checks)])
        told_notes: set[tuple[str, str]] = set()
        for check in document.checks:
            notes = (check.why, check.fix)
            lines += _check(check, width, style, again=notes in told_notes)
            if check.outcome in {Outcome.FAIL, Outcome.UNCHECKED}:
                told_notes.add(notes)
        for finding in document.findings:
            lines += _finding(finding, style)
        if document.headline:
            lines.append(_headline(document, style))
        return "".join(f"{line}\n" for line in lines)


def _check(check: CheckLine, width: int, style: Style, *, again: bool) -> list[str]:
    """Return a check with why and help; `again` when a check above said the same of both."""
    if style.quiet and check.outcome in {Outcome.PASS, Outcome.INFO}:
        return []
    mark = _mark(check.outcome, style)
    lines = [f"{mark} {visible(check.name):<{width}} {visible(check.summary)}".rstrip()]
    lines += [f"    {visible(detail)}" for detail in check.details]
    if check.outcome is not Outcome.PASS and not again:
        lines += _notes(("why", check.why), ("help", check.fix))
    return lines


def _finding(finding: FindingLine, style: Style) -> list[str]:
    word, color = ("error", _RED) if finding.severity in _SEVERE else ("warning", _YELLOW)
    if finding.accepted:
        word, color = "accepted", _GREEN
    label = _paint(f"{word}[{visible(finding.rule)}]", color, style)
    where = visible(finding.called)
    if finding.offset is not None:
        where += f", byte {finding.offset:#x}"
    return [
        f"{label}: {visible(finding.message)} ({visible(finding.severity)})",
        f" --> {where}",
        *_notes(("why", finding.detail), ("accepted", finding.accepted), ("help", finding.help)),
        f"  = more: weightmark explain {visible(finding.rule)}",
    ]


def _notes(*notes: tuple[str, str]) -> list[str]:
    return [f"  = {label}: {visible(text)}" for label, text in notes if text]


def _headline(document: Document, style: Style) -> str:
    unhappy = any(check.outcome in {Outcome.FAIL, Outcome.UNCHECKED} for check in document.checks)
    calm = Outcome.INFO if document.neutral else Outcome.PASS
    outcome = Outcome.FAIL if document.exit or unhappy else calm
    mark, text = _mark(outcome, style), visible(document.headline)
    if not document.exit and not style.verbose:
        return f"{mark} {text}"
    return f"{mark} {text:<{_VERDICT_WIDTH}} [exit {int(document.exit)}]"


def _mark(outcome: Outcome, style: Style) -> str:
    marks = _MARKS if style.unicode else _PLAIN_MARKS
    return _paint(marks[outcome], _COLORS[outcome], style)


def _paint(text: str, color: int, style: Style) -> str:
    return f"\x1b[{color}m{text}\x1b[0m" if style.color else text
