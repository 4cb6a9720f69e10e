"""CSV (RFC 4180) with a header line; a cell that a spreadsheet would compute begins with an apostrophe."""

import csv
import io
from collections.abc import Iterable, Iterator

from weightmark.provenance.ledger.export.interface import COLUMNS, row_of
from weightmark.provenance.ledger.snapshot import LoggedEvent

__all__ = ["Csv"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""how a cell begins that spreadsheets take for a formula"""


class Csv:
    """Every cell in quotes, lines end in CR LF."""

    def render(self, entries: Iterable[LoggedEvent]) -> Iterator[bytes]:
        """Yield the header, then one line an entry."""
        yield _line(COLUMNS)
        for logged in entries:
            yield _line([_harmless(cell) for cell in row_of(logged).values()])


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(list(cells))
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
