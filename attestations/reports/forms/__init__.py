"""The forms of a report: Markdown, HTML, JSON."""

from weightmark.attestations.reports.forms.html_form import HtmlForm
from weightmark.attestations.reports.forms.interface import FORM_NAMES, Form
from weightmark.attestations.reports.forms.json_form import JsonForm
from weightmark.attestations.reports.forms.markdown_form import MarkdownForm

__all__ = ["FORM_NAMES", "form_of"]

_FORMS: dict[str, Form] = {"markdown": MarkdownForm(), "html": HtmlForm(), "json": JsonForm()}


def form_of(name: str) -> Form:
    """Return a form by its name in `FORM_NAMES`."""
    return _FORMS[name]
