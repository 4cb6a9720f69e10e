"""What scikit-learn, scipy, pandas, numpy, xgboost, lightgbm and joblib really write is quiet."""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome, Severity

ASSET = Path(__file__).parents[1] / "assets" / "estimators.zip"


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(ASSET) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = members()
FAMILIES = sorted({name.split("-")[0] for name in FILES})


def test_hundreds_of_files_of_every_library() -> None:
    assert len(FILES) > 500
    assert FAMILIES == ["lightgbm", "numpy", "pandas", "scipy", "sklearn", "xgboost"]
    assert sum(name.endswith(".joblib") for name in FILES) > 150


@pytest.mark.parametrize("family", FAMILIES)
def test_objects_of_the_real_library_are_clean(family: str) -> None:
    for name, data in FILES.items():
        if name.startswith(family):
            found = scan(data, name=name)
            assert found.outcome is Outcome.CLEAN, found
            assert all(finding.severity is Severity.INFO for finding in found.findings)


def test_cut_off_dumps_are_never_clean() -> None:
    for name, data in list(FILES.items())[::7]:
        for part in (2, 3, 5):
            found = scan(data[: len(data) - len(data) // part])
            assert found.outcome is not Outcome.CLEAN, name
