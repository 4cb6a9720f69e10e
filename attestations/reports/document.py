"""A report as a value, before it has a form: titles, tables and facts."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from weightmark.attestations.reports.words import Cell
from weightmark.values import dataclass

__all__ = ["LinkTo", "Report", "Section", "Table"]


@dataclass(frozen=True, slots=True)
class LinkTo:
    """A link to another file of the same call."""

    text: str
    """what is shown; a digest"""
    stem: str
    """the name of the file without its suffix; made by us, never by others"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings."""

    headings: tuple[str, ...]
    """our words"""
    rows: tuple[tuple[Cell | LinkTo, ...], ...]
    """as many cells as headings"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a report."""

    title: Cell
    """its heading"""
    state: str = ""
    """one of our words that stands beside the heading: how far an item is filled"""
    paragraphs: tuple[Cell, ...] = ()
    """what is said, before the table"""
    table: Table | None = None
    """what is shown"""


@dataclass(frozen=True)
class Report:
    """Everything that one file says."""

    stem: str
    """the name of its file without suffix"""
    title: str
    """our words"""
    lead: tuple[tuple[str, Cell], ...]
    """what it is about, by label"""
    notices: tuple[Cell, ...]
    """what a reader must know first"""
    sections: tuple[Section, ...]
    """in order"""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """the same for machines: members of `weightmark/report/v1` beside the envelope"""
