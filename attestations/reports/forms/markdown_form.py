"""Reports as Markdown; whatever others wrote stands in code spans, where nothing is a link, an image or HTML."""

import re
from collections.abc import Iterator

from weightmark.attestations.reports.document import LinkTo, Report, Section, Table
from weightmark.attestations.reports.words import Cell, Quoted
from weightmark.code_spans import code_span, table_cell
from weightmark.errors import Exit
from weightmark.visible import visible

__all__ = ["MarkdownForm"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@]|:(?=//)|(?<=www)\.)")
"""what could become markup, a link or a mention"""
_WORDS = re.compile(r"`([^`\n]+)`")


class MarkdownForm:
    """Headings and tables of GitHub's Markdown."""

    suffix = ".md"

    def render(self, report: Report, code: Exit) -> str:  # noqa: ARG002 - what it ended with is said in JSON
        """Return the file."""
        parts = [f"# {_plain(report.title)}"]
        parts.append(
            "\n".join(f"- {_plain(label)}: {_cell(value)}" for label, value in report.lead)
        )
        parts += [f"> {_cell(notice)}" for notice in report.notices]
        for section in report.sections:
            parts += _section(section)
        return "\n\n".join(part for part in parts if part) + "\n"


def _section(section: Section) -> Iterator[str]:
    state = f" ({_plain(section.state)})" if section.state else ""
    yield f"## {_cell(section.title)}{state}"
    yield from (_cell(one) for one in section.paragraphs)
    if section.table and section.table.rows:
        yield _table(section.table)


def _table(table: Table) -> str:
    lines = [" | ".join(map(_plain, table.headings)), " | ".join("---" for _ in table.headings)]
    lines += [" | ".join(map(_in_table, row)) for row in table.rows]
    return "\n".join(f"| {line} |" for line in lines)


def _in_table(cell: Cell | LinkTo) -> str:
    if isinstance(cell, LinkTo):
        return f"[{code_span(cell.text)}]({cell.stem}.md)"
    parts = [cell] if isinstance(cell, str) else list(cell)
    return " ".join(table_cell(one) if isinstance(one, Quoted) else _plain(one) for one in parts)


def _cell(cell: Cell) -> str:
    parts = [cell] if isinstance(cell, str) else list(cell)
    return " ".join(code_span(one) if isinstance(one, Quoted) else _plain(one) for one in parts)


def _plain(text: str) -> str:
    """Return our own words: what stands between backticks is code, everything else is never markup."""
    parts = _WORDS.split(visible(text))
    return "".join(
        code_span(part) if at % 2 else _SPECIAL.sub(r"\\\1", part) for at, part in enumerate(parts)
    )
