"""`[require.KIND]`: which claims have to be there."""

import re
from typing import Any

from weightmark.attestations.policy.ages import read_age
from weightmark.attestations.policy.reading.severities import read_severity
from weightmark.attestations.policy.requirements import (
    KINDS,
    ApprovalRequirement,
    ClassificationRequirement,
    DatasetRequirement,
    ProvenanceRequirement,
    ReleaseRequirement,
    Requirements,
    SbomRequirement,
    ScanRequirement,
    TestRequirement,
    VulnsRequirement,
)
from weightmark.attestations.strict_toml import Table
from weightmark.patterns import lazy_pattern

__all__ = ["read_requirements"]

_VERSION = lazy_pattern(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}\Z", re.ASCII)
_RESULTS = ("PASSED", "WARNED")
_FORMS = ("CycloneDX", "SPDX")
_PERSONAL = ("none", "pseudonymized", "present")


def read_requirements(fields: Table) -> Requirements:
    """Read every requirement; raises `PolicyError`."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        entry = fields.table(kind)
        if not fields.has(kind):
            continue
        common: dict[str, Any] = {
            "role": entry.text("role", kind),
            "max_age": read_age(entry, "max_age"),
        }
        found[kind] = _MAKERS[kind](entry, common)
        entry.finish()
    fields.finish()
    return Requirements(**found)


def _release(entry: Table, common: dict[str, Any]) -> ReleaseRequirement:
    return ReleaseRequirement(**common, approvals=entry.flag("approvals", default=False))


def _scan(entry: Table, common: dict[str, Any]) -> ScanRequirement:
    text = entry.text("min_scanner", "")
    if entry.has("min_scanner") and not _VERSION.match(text):
        raise entry.wrong("min_scanner", "a version of weightmark, written as `0.1.0`")
    return ScanRequirement(
        **common,
        fail_on=read_severity(entry, "fail_on"),
        min_scanner=tuple(int(part) for part in text.split(".") if part),
    )


def _provenance(_: Table, common: dict[str, Any]) -> ProvenanceRequirement:
    return ProvenanceRequirement(**common)


def _test(entry: Table, common: dict[str, Any]) -> TestRequirement:
    result = entry.text("result", "PASSED")
    if result not in _RESULTS:
        raise entry.wrong("result", "`PASSED` or `WARNED`")
    return TestRequirement(**common, result=result)


def _approval(_: Table, common: dict[str, Any]) -> ApprovalRequirement:
    return ApprovalRequirement(**common)


def _vulns(entry: Table, common: dict[str, Any]) -> VulnsRequirement:
    return VulnsRequirement(
        **common,
        fail_on=read_severity(entry, "fail_on"),
        max_database_age=read_age(entry, "max_database_age"),
    )


def _sbom(entry: Table, common: dict[str, Any]) -> SbomRequirement:
    forms = _some_of(entry, "forms", _FORMS)
    return SbomRequirement(**common, forms=forms or _FORMS)


def _dataset(entry: Table, common: dict[str, Any]) -> DatasetRequirement:
    return DatasetRequirement(**common, personal_data=_some_of(entry, "personal_data", _PERSONAL))


def _classification(_: Table, common: dict[str, Any]) -> ClassificationRequirement:
    return ClassificationRequirement(**common)


_MAKERS = {
    "release": _release,
    "scan": _scan,
    "provenance": _provenance,
    "test": _test,
    "approval": _approval,
    "vulns": _vulns,
    "sbom": _sbom,
    "dataset": _dataset,
    "classification": _classification,
}


def _some_of(entry: Table, key: str, known: tuple[str, ...]) -> tuple[str, ...]:
    said = entry.texts(key)
    if not set(said) <= set(known) or (entry.has(key) and not said):
        raise entry.wrong(key, f"a list of {' or '.join(f'`{word}`' for word in known)}")
    return said
