"""An inventory as CSV (RFC 4180), one line an artifact; cells that a spreadsheet would compute are inert."""

import csv
import io

from weightmark.attestations.inventory.inventory import Inventory, Listed

__all__ = ["COLUMNS", "to_csv"]

COLUMNS = (
    "path", "layout", "kind", "name", "revision", "identity", "files", "size", "formats", "signature",
    "claims", "promise", "risk", "unchecked", "ledger", "notes", "problem",
)  # fmt: skip
"""of the header line"""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(inventory: Inventory) -> str:
    """Return header and artifacts, every cell in quotes, lines with CR LF."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in inventory.artifacts:
        writer.writerow([_visible(_inert(cell)) for cell in _row(one)])
    return text.getvalue()


def _row(one: Listed) -> list[str]:
    members = one.record.to_json() | {"ledger": one.ledger.word if one.ledger else ""}
    return [_cell(members[name]) for name in COLUMNS]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _inert(cell: str) -> str:
    """Put an apostrophe before what spreadsheets take for a formula, also after blanks."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _visible(cell: str) -> str:
    """Escape what a terminal that shows the file would obey, or nobody would see."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cell
    )
