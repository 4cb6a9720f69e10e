"""Entries of a ledger in forms that other people's tools read; one file a form.

from weightmark.provenance.ledger.export.forms import form_of

form_of("csv", ledger).render(ledger.entries())
"""

__all__: list[str] = []
