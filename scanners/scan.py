"""The façade of the wing: one file in, one result out.

from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.scan import ScanReport, Severity, scan_file

report = ScanReport.of([scan_file("model.pkl", MemoryView(data))])
report.exit(Severity.HIGH)
"""

from functools import cache

from weightmark.errors import UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan, Finding, Outcome, ScanReport, Severity
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.recognise import INERT, recognise
from weightmark.scanners.formats.registry import readers_for
from weightmark.scanners.limits import Limits

__all__ = [
    "SCANNER_VERSION",
    "FileScan",
    "Finding",
    "Limits",
    "Outcome",
    "ScanReport",
    "Severity",
    "rules_digest",
    "scan_file",
]

SCANNER_VERSION = "8"
"""raised whenever the same bytes may get another verdict by code rather than by rule data"""


def scan_file(path: str, view: ByteView, limits: Limits | None = None) -> FileScan:
    """Scan the bytes of one file, whatever its name.

    `path` labels the result, and stands for the name where a loader goes by name (`config.json`,
    `handler.py`); formats are told by content. Never raises for hostile content, nor when reading fails: what
    could not be checked stands in `problems`.
    """
    examination = Examination(path, limits or Limits.default(), _look)
    try:
        place = Place.file(view)
    except UncheckedError as error:
        examination.problem(error.what)
        return _result(examination, known=True)
    return _result(examination, known=examination.look(place))


@cache
def rules_digest() -> str:
    """Return the SHA-256, in hex, of the rule catalogue and all lists of names."""
    import hashlib
    import json

    from weightmark.scanners.allow import names
    from weightmark.scanners.operators import tensorflow
    from weightmark.scanners.rules.catalogue import catalogue

    rules = [
        [rule.id, rule.title, rule.severity.word, rule.help, list(rule.references)]
        for rule in catalogue().values()
    ]
    document = [SCANNER_VERSION, rules, names.data_digest(), tensorflow.data_digest()]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _look(place: Place, examination: Examination) -> bool:
    """Offer a place to every reader that may take it; tell whether one did or nothing in it can harm."""
    taken = False
    for reader in readers_for(place, examination.path):
        try:
            read = reader.read(place, examination)
        except UncheckedError as error:
            examination.problem(error.what, place)
            read = True
        if read:
            examination.also_read_as(reader.name, place)
            taken = True
    return taken or _is_harmless(place, examination)


def _is_harmless(place: Place, examination: Examination) -> bool:
    """Look at a place that no reader took; tell whether nothing in it can harm, or what may was said."""
    from weightmark.scanners.formats.promises import broken_promise
    from weightmark.scanners.pickles.remainder import search_numbers

    name = recognise(place.view, place.head)
    examination.also_read_as(name or "data", place)
    if not name and not place.member:
        search_numbers(place, examination)
    if broken := broken_promise(place, name, examination):
        examination.problem(broken, place)
        return True
    return bool(place.member) and name in INERT


def _result(examination: Examination, *, known: bool) -> FileScan:
    findings = examination.findings
    if any(finding.severity > Severity.INFO for finding in findings):
        outcome = Outcome.FINDINGS
    elif examination.problems:
        outcome = Outcome.UNCHECKED
    elif not known or examination.unknown_members:
        outcome = Outcome.UNSUPPORTED
    else:
        outcome = Outcome.CLEAN
    return FileScan(
        path=examination.path,
        formats=tuple(examination.formats),
        outcome=outcome,
        findings=findings,
        problems=tuple(examination.problems),
    )
