"""What only the whole tree shows: a module beside a pickle that imports it, a pipeline with its code.

A loader that runs inside the artifact's folder, or has it on its path, would run that module.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from weightmark.scanners.findings import FileScan, Finding, Outcome, ScanReport
from weightmark.scanners.repository.split_models import judge_parts
from weightmark.scanners.rules.catalogue import catalogue

__all__ = ["report_of_tree"]

_RULE = "TRE005"
_INDEX = "model_index.json"
_MODULE_ENDINGS = frozenset([".py", ".pyc", ".so", ".pyd"])
_ENDINGS = tuple(_MODULE_ENDINGS)


def report_of_tree(files: Iterable[FileScan], paths: Iterable[str]) -> ScanReport:
    """Collect the results of all files, and add what they mean beside the tree's `paths`."""
    known = frozenset(paths)
    modules = _modules(known)
    found = [_with_local_imports(file, modules) for file in files]
    odd: dict[str, list[str]] = {}
    for path, reason in judge_parts([file for file in found if file.findings]):
        odd.setdefault(path, []).append(reason)
    if odd:
        found = [_with_odd_parts(file, odd.get(file.path, [])) for file in found]
    return ScanReport.of(_with_pipeline_code(file, known) for file in found)


def _modules(paths: Iterable[str]) -> frozenset[str]:
    """Return the names by which a file of the tree can be imported from some folder of it."""
    found: set[str] = set()
    for path in map(PurePosixPath, (one for one in paths if one.endswith(_ENDINGS))):
        if path.suffix in _MODULE_ENDINGS:
            found.add(path.name.partition(".")[0])
            found.update(path.parent.parts)
    return frozenset(found)


def _with_local_imports(file: FileScan, modules: frozenset[str]) -> FileScan:
    if not file.findings:
        return file
    rule = catalogue()[_RULE]
    added = [
        Finding(
            _RULE,
            rule.severity,
            rule.title,
            file.path,
            one.member,
            one.offset,
            one.detail,
            rule.help,
        )
        for one in file.findings
        if one.rule.startswith("PKL") and one.detail.partition(".")[0] in modules
    ]
    return _with(file, added)


def _with_odd_parts(file: FileScan, reasons: list[str]) -> FileScan:
    """Add what does not fit between a part of a model and the other parts."""
    rule = catalogue()["GGF006"]
    added = [
        Finding(rule.id, rule.severity, rule.title, file.path, detail=reason, help=rule.help)
        for reason in reasons
    ]
    return _with(file, added)


def _with_pipeline_code(file: FileScan, paths: frozenset[str]) -> FileScan:
    """Add that diffusers takes `pipeline.py` beside the index for the pipeline's own code."""
    if not file.path.endswith("pipeline.py"):
        return file
    folder, _, name = file.path.rpartition("/")
    index = f"{folder}/{_INDEX}".lstrip("/")
    if name != "pipeline.py" or index not in paths:
        return file
    rule = catalogue()["REP005"]
    detail = f"`pipeline.py`: diffusers runs it with the pipeline that `{_INDEX}` describes"
    said = Finding(rule.id, rule.severity, rule.title, file.path, detail=detail, help=rule.help)
    return _with(file, [said])


def _with(file: FileScan, added: list[Finding]) -> FileScan:
    if not added:
        return file
    findings = tuple(sorted({*file.findings, *added}, key=lambda finding: finding.sort_key))
    return replace(file, outcome=Outcome.FINDINGS, findings=findings)
