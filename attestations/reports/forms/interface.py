"""The seam between a report and the form in which it is read."""

from typing import Protocol

from weightmark.attestations.reports.document import Report
from weightmark.errors import Exit

__all__ = ["FORM_NAMES", "Form"]

FORM_NAMES = ("markdown", "html", "json")
"""what `--as` takes"""


class Form(Protocol):
    """One form."""

    suffix: str
    """of its files, with the dot"""

    def render(self, report: Report, code: Exit) -> str:
        """Return the text of a file; `code` is what the call that makes it ends with for this report."""
        ...
