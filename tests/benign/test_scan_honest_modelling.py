"""Searches, forecasts, features, graphs, stemmers and streams as their libraries write them are quiet."""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Outcome, Severity

ASSET = Path(__file__).parents[1] / "assets" / "modelling_objects.zip"


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(ASSET) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = members()
FAMILIES = [
    "bayes_opt", "botorch", "deap", "featuretools", "mlforecast", "nltk", "river", "statsforecast",
    "torch_geometric",
]  # fmt: skip


def test_every_library_is_there() -> None:
    assert sorted({name.partition("-")[0] for name in FILES}) == FAMILIES


@pytest.mark.parametrize("name", FILES)
def test_honest_objects_are_clean(name: str) -> None:
    found = scan(FILES[name], name=name)
    assert found.outcome is Outcome.CLEAN, found
    assert all(finding.severity is Severity.INFO for finding in found.findings), found


@pytest.mark.parametrize("name", FILES)
def test_cut_off_files_are_never_clean(name: str) -> None:
    data = FILES[name]
    for part in (2, 5):
        assert scan(data[: len(data) - len(data) // part]).outcome is not Outcome.CLEAN


def test_an_array_of_objects_as_numpy_of_python_2_wrote_it_is_quiet() -> None:
    array = b"\x80\x02cnumpy.core._internal\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    kind = b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    assert scan(array + b"(K\x01K\x01\x85" + kind + b"\x89](K\x07etb.").outcome is Outcome.CLEAN
