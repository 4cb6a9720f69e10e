"""Forms by their names."""

from weightmark.errors import CallError
from weightmark.provenance.events.forms.cef import Cef
from weightmark.provenance.events.forms.interface import FORM_NAMES, Form
from weightmark.provenance.events.forms.json_lines import JsonLines
from weightmark.provenance.events.forms.ocsf import Ocsf

__all__ = ["named"]

_FORMS: dict[str, Form] = {"ocsf": Ocsf(), "cef": Cef(), "json": JsonLines()}


def named(name: str) -> Form:
    """Return a form; raises `CallError` for a name that is none."""
    if name not in _FORMS:
        known = ", ".join(f"`{one}`" for one in FORM_NAMES)
        raise CallError(f"`{name[:50]}` is no form of events", fix=f"name one of {known}")
    return _FORMS[name]
