"""Columns of Arrow, plain objects of dill, studies of optuna and tables of scipy are quiet."""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome, Severity

ASSET = Path(__file__).parents[1] / "assets" / "column_objects.zip"


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(ASSET) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = members()
FAMILIES = ["arrow", "dill", "optuna", "scipy"]


def test_every_family_is_there() -> None:
    assert len(FILES) > 150
    assert sorted({name.partition("-")[0] for name in FILES}) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_honest_objects_are_clean(family: str) -> None:
    for name, data in FILES.items():
        if name.startswith(f"{family}-"):
            found = scan(data, name=name)
            assert found.outcome is Outcome.CLEAN, found
            assert all(finding.severity is Severity.INFO for finding in found.findings), found


def test_cut_off_files_are_never_clean() -> None:
    for name, data in list(FILES.items())[::7]:
        for part in (2, 5):
            found = scan(data[: len(data) - len(data) // part])
            assert found.outcome is not Outcome.CLEAN, name
