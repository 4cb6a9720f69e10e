"""Results of scans as bytes, for worker processes that scan, and for receipts that spare a scan."""

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from weightmark.provenance.reading.luggage import Luggage
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import SCANNER_VERSION, rules_digest

__all__ = ["FILE_SCANS", "code_digest", "file_scans"]

_PLAIN, _FULL = b"p", b"f"
_HERE = Path(__file__).resolve().parent
_CODE = (_HERE, _HERE.parent / "provenance" / "reading")
"""folders whose code decides what a scan says"""
_SOURCES = frozenset({".json", ".py", ".toml"})


def file_scans(limits: Limits | None = None) -> Luggage[FileScan]:
    """Return how results under these limits travel.

    A receipt keeps one for scanner code, rules and limits that are the same, and none of a scan that
    could not be finished: another day it may be.
    """
    return Luggage(_pack, _unpack, _stamp_of(limits or Limits.default()), _is_final)


def _stamp_of(limits: Limits) -> Callable[[], str]:
    @cache
    def stamp() -> str:
        bounds = [[field.name, getattr(limits, field.name)] for field in fields(limits)]
        code = [SCANNER_VERSION, *map(code_digest, _CODE), sys.version]
        return json.dumps(["scan", code, rules_digest(), bounds])

    return stamp


@cache
def code_digest(folder: Path = _HERE) -> str:
    """Return the SHA-256, in hex, of all sources in a folder, by default those of the scanners.

    Where no sources lie in `folder` it is another one in every process, so that no receipt fits.
    """
    import hashlib
    import secrets

    digest = hashlib.sha256()
    sources = sorted(path for path in folder.rglob("*") if path.suffix in _SOURCES)
    for path in sources:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest() if sources else secrets.token_hex()


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
