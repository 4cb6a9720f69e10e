"""Results of scans as bytes, for worker processes that scan, and for receipts that spare a scan."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from weightmark.provenance.reading.luggage import Luggage
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import SCANNER_VERSION, rules_digest

__all__ = ["FILE_SCANS", "file_scans"]

_PLAIN, _FULL = b"p", b"f"


def file_scans(limits: Limits | None = None) -> Luggage[FileScan]:
    """Return how results under these limits travel.

    A receipt keeps one for scanners, rules and limits that are the same, and none of a scan that
    could not be finished: another day it may be.
    """
    return Luggage(_pack, _unpack, _stamp_of(limits or Limits.default()), _is_final)


def _stamp_of(limits: Limits) -> Callable[[], str]:
    @cache
    def stamp() -> str:
        return json.dumps(["scan", SCANNER_VERSION, rules_digest(), limits.changed])

    return stamp


def _is_final(scan: FileScan) -> bool:
    return not scan.problems


def _pack(label: str, scan: FileScan) -> bytes:
    """Write the usual result, that there is nothing to say of the file itself, in few bytes."""
    if scan.findings or scan.problems or scan.path != label:
        return _FULL + json.dumps(_fields(scan)).encode("ascii")
    return _PLAIN + ",".join([scan.outcome.value, *scan.formats]).encode("ascii")


def _fields(scan: FileScan) -> list[object]:
    findings = [
        [
            *(one.rule, one.severity.value, one.message, one.path, one.member),
            *(one.offset, one.detail, one.help, one.engine),
        ]
        for one in scan.findings
    ]
    return [scan.path, scan.formats, scan.outcome.value, findings, scan.problems]


def _unpack(label: str, data: bytes) -> FileScan:
    try:
        if data[:1] == _FULL:
            return _full(json.loads(data[1:]))
        outcome, formats = _plain(data)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError("no packed result of a scan") from error
    return FileScan(label, formats, outcome, (), ())


@cache
def _plain(data: bytes) -> tuple[Outcome, tuple[str, ...]]:
    outcome, *formats = data.removeprefix(_PLAIN).decode("ascii").split(",")
    return Outcome(outcome), tuple(formats)


def _full(fields: Any) -> FileScan:
    path, formats, outcome, findings, problems = fields
    found = tuple(_finding(*one) for one in findings)
    return FileScan(path, tuple(formats), Outcome(outcome), found, tuple(problems))


def _finding(rule: str, severity: int, *others: Any) -> Finding:
    return Finding(rule, Severity(severity), *others)


FILE_SCANS: Luggage[FileScan] = file_scans()
"""how results under the usual limits travel"""
