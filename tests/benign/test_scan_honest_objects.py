"""The less usual objects of the real libraries are quiet: types, tables, networks, configurations."""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome, Severity

ASSETS = Path(__file__).parents[1] / "assets"


def members(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(ASSETS / name) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = members("objects.zip") | members("hub_objects.zip")
OBJECTS = sorted({name.partition(".")[0] for name in FILES})
FAMILIES = sorted({name.partition("-")[0] for name in OBJECTS})


def test_hundreds_of_objects_of_every_library() -> None:
    assert len(OBJECTS) > 400
    assert set(FAMILIES) == {
        "arrow", "datasets", "diffusers", "numpy", "pandas", "pillow", "python", "scipy", "sentence", "sklearn",
        "statsmodels", "torch", "transformers",
    }  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_objects_of_the_real_library_are_clean(family: str) -> None:
    for name, data in FILES.items():
        if name.startswith(f"{family}-"):
            found = scan(data, name=name)
            assert found.outcome is Outcome.CLEAN, found
            assert all(finding.severity is Severity.INFO for finding in found.findings), found


@pytest.mark.parametrize(
    "name",
    [
        "numpy-object-strings", "statsmodels-arima", "statsmodels-sarimax-slim", "scipy-interp1d-linear", "torch-weight-norm-old",
        "torch-dynamic", "torch-averaged", "torch-distribution-Normal", "torch-data", "torch-data-subset", "numpy-poly1d",
        "numpy-iinfo", "numpy-finfo", "numpy-strings", "python-patterns", "python-addresses", "python-arrays",
        "python-zones", "python-defaults", "pandas-str", "transformers-tokenizer", "transformers-arguments",
        "transformers-BertConfig", "datasets-memory", "sentence-model", "diffusers-DDPMScheduler",
    ],
)  # fmt: skip
def test_what_was_refused_once_is_still_among_them(name: str) -> None:
    assert name in OBJECTS


def test_cut_off_files_are_never_clean() -> None:
    for name, data in list(FILES.items())[::11]:
        for part in (2, 5):
            found = scan(data[: len(data) - len(data) // part])
            assert found.outcome is not Outcome.CLEAN, name
