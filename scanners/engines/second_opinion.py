"""modelscan as a second opinion, through its Python API.

It gets a private copy of the very bytes that were read, under the name that it goes by, and the
settings that it ships with: no settings file is looked for. It skips what it does not know and
drops errors once it found something, so both count as not checked.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from weightmark.errors import ExtraMissingError, UnsupportedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan, Finding, Outcome, Severity
from weightmark.scanners.limits import MEBIBYTE
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.values import dataclass

__all__ = ["ModelscanEngine"]

_NEWEST = (3, 13)
_BLOCK = 4 * MEBIBYTE
_RULE = "MSC001"
_NOT_SUPPORTED = "SCAN_NOT_SUPPORTED"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ModelscanEngine:
    """The scanner of Protect AI, which goes by file extensions and a denylist."""

    name: Final[str] = "modelscan"

    @classmethod
    def load(cls) -> "ModelscanEngine":
        """Make the engine; raises `UnsupportedError` or `ExtraMissingError` when it cannot run here."""
        if sys.version_info >= _NEWEST:
            version = ".".join(map(str, sys.version_info[:2]))
            raise UnsupportedError(
                "modelscan does not run here",
                why=f"it needs a Python below 3.13, and this is Python {version}",
                fix="run weightmark with Python 3.12 for a second opinion, or leave out `--engine`",
            )
        try:
            import modelscan.modelscan  # noqa: F401 - only to know whether it is there
        except ImportError as error:
            raise ExtraMissingError(
                "modelscan is not installed",
                why=str(error),
                fix="install it with `pip install 'weightmark[modelscan]'`",
            ) from error
        return cls()

    def scan(self, path: str, view: ByteView) -> FileScan:
        """See `Engine.scan`; whatever modelscan raises is a problem of this file."""
        import tempfile

        name = path.replace("\\", "/").rpartition("/")[2]
        with tempfile.TemporaryDirectory(prefix="weightmark-") as folder:
            copy = Path(folder, name)
            try:
                _write(view, copy)
            except OSError as error:
                return _unchecked(path, f"no copy for modelscan could be made: {error.strerror}")
            try:
                answer = _ask(copy)
            except Exception as error:  # noqa: BLE001 - another project's code may raise anything
                return _unchecked(path, f"modelscan failed: {type(error).__name__}: {error}")
        return _read(path, name, answer)


def _write(view: ByteView, target: Path) -> None:
    at = 0
    with target.open("xb") as file:
        while block := view.read_at(at, _BLOCK):
            file.write(block)
            at += len(block)


def _ask(copy: Path) -> Mapping[str, Any]:
    import logging
    from copy import deepcopy

    from modelscan.modelscan import ModelScan
    from modelscan.settings import DEFAULT_SETTINGS

    log = logging.getLogger("modelscan")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    answer: Mapping[str, Any] = ModelScan(settings=deepcopy(DEFAULT_SETTINGS)).scan(str(copy))
    return answer


def _read(path: str, name: str, answer: Mapping[str, Any]) -> FileScan:
    """Turn modelscan's report into a result; one that is not understood is a problem."""
    try:
        findings = tuple(_finding(path, name, issue) for issue in answer["issues"])
        problems = tuple(_problems(name, answer))
        scanned = int(answer["summary"]["scanned"]["total_scanned"])
    except (KeyError, TypeError, ValueError) as error:
        return _unchecked(path, f"modelscan's report is not understood: {error!r}")
    if findings:
        outcome = Outcome.FINDINGS
    elif problems:
        outcome = Outcome.UNCHECKED
    else:
        outcome = Outcome.CLEAN if scanned else Outcome.UNSUPPORTED
    ordered = tuple(sorted(findings, key=lambda finding: finding.sort_key))
    return FileScan(path, ("modelscan",), outcome, ordered, problems)


def _finding(path: str, name: str, issue: Mapping[str, Any]) -> Finding:
    rule = catalogue()[_RULE]
    severity = Severity[str(issue["severity"]).upper()]
    said = issue.get("operator") and f"{issue.get('module')}.{issue['operator']}"
    return Finding(
        _RULE,
        severity,
        rule.title,
        path,
        _member(name, issue.get("source", "")),
        None,
        str(said or issue.get("description", ""))[:_LONGEST],
        rule.help,
        "modelscan",
    )


def _problems(name: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what went wrong; that a file is of no kind that modelscan knows is no problem by itself."""
    for error in answer["errors"]:
        yield _problem(name, error, "error")
    for skip in answer["summary"]["skipped"]["skipped_files"]:
        if skip["category"] != _NOT_SUPPORTED:
            yield _problem(name, skip, "skipped")


def _problem(name: str, row: Mapping[str, Any], word: str) -> str:
    member = _member(name, row.get("source", ""))
    where = f" in `{member}`" if member else ""
    return f"modelscan: {word}{where}: {str(row.get('description', row))[:_LONGEST]}"


def _member(name: str, source: object) -> str:
    """Return the member of a source `model.zip:member`."""
    return str(source).removeprefix(name).removeprefix(":")


def _unchecked(path: str, why: str) -> FileScan:
    return FileScan(path, ("modelscan",), Outcome.UNCHECKED, (), (why[: 2 * _LONGEST],))
