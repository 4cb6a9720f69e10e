"""Every form by name."""

from collections.abc import Mapping

from weightmark.provenance.ledger.export.cef import Cef
from weightmark.provenance.ledger.export.csv_form import Csv
from weightmark.provenance.ledger.export.interface import FORM_NAMES, Form
from weightmark.provenance.ledger.export.json_lines import JsonLines
from weightmark.provenance.ledger.export.ocsf import Ocsf
from weightmark.provenance.ledger.export.portable import PortableBundle
from weightmark.provenance.ledger.export.syslog_form import Syslog
from weightmark.provenance.ledger.log import Ledger

__all__ = ["FORM_NAMES", "form_of"]

_FORMS: Mapping[str, Form] = {
    "jsonl": JsonLines(),
    "csv": Csv(),
    "ocsf": Ocsf(),
    "cef": Cef(),
    "syslog": Syslog(),
}


def form_of(name: str, ledger: Ledger) -> Form:
    """Return the form called `name`; the portable bundle reads proofs and claims of `ledger`."""
    return PortableBundle(ledger) if name == "bundle" else _FORMS[name]
