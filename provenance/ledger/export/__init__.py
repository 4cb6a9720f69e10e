"""Entries of a ledger in forms that other people's tools read; one file a form.

from weightmark.provenance.ledger.export.forms import FORMS

FORMS["csv"].render(ledger.entries())
"""

__all__: list[str] = []
