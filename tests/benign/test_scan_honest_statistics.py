"""What CatBoost, imbalanced-learn, statsmodels, tokenizers, gensim and scipy's distributions write is quiet."""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome, Severity

ASSETS = Path(__file__).parents[1] / "assets"


def members(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(ASSETS / name) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = members("libraries.zip")
FAMILIES = ["catboost", "gensim", "imblearn", "scipy", "sklearn", "statsmodels", "tokenizers"]


def test_hundreds_of_files_of_every_library() -> None:
    assert len(FILES) > 200
    assert sorted({name.split("-")[0] for name in FILES}) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_objects_of_the_real_library_are_clean(family: str) -> None:
    for name, data in FILES.items():
        if name.startswith(family):
            found = scan(data, name=name)
            assert found.outcome is Outcome.CLEAN, found
            assert all(finding.severity is Severity.INFO for finding in found.findings), found


@pytest.mark.parametrize("name", ["fresh.pt", "used.pt", "weights.pt"])
def test_modules_that_learn_their_shapes_are_clean(name: str) -> None:
    found = scan(members("lazy_modules.zip")[name], name=name)
    assert found.outcome is Outcome.CLEAN, found
    assert all(finding.severity is Severity.INFO for finding in found.findings), found


def test_cut_off_dumps_are_never_clean() -> None:
    for name, data in list(FILES.items())[::9]:
        for part in (2, 5):
            found = scan(data[: len(data) - len(data) // part])
            assert found.outcome is not Outcome.CLEAN, name
