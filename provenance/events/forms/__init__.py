"""Forms of events, one file a form; `named` finds one by its name."""

from weightmark.provenance.events.forms.interface import FORM_NAMES, Form
from weightmark.provenance.events.forms.named import named

__all__ = ["FORM_NAMES", "Form", "named"]
