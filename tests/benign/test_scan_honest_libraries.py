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


def test_names_in_the_memo_of_an_array_of_objects_are_no_names_of_the_outer_one() -> None:
    """`joblib.dump` of gradient boosting: the array of its trees is a pickle with a memo of its own."""
    from tests.attacks.scan_builders import stack_global, text
    from tests.attacks.test_scan_library_gadgets import EIGHT, dtype, wrapper

    forest = stack_global("sklearn.ensemble._forest", "RandomForestClassifier") + b")\x81\x94"
    inner = b"\x80\x04" + text("numpy") + b"\x940h\x00" + text("dtype") + b"\x93"
    inner += text("f8") + b"\x89\x88\x87R."
    data = b"\x80\x04" + forest + b"0" + wrapper(EIGHT, dtype("O8", 63))[2:] + inner + b"e."
    found = scan(data)
    assert found.outcome is Outcome.CLEAN, found


def test_modules_for_several_devices_are_quiet() -> None:
    """Torch writes `DataParallel` around modules that were trained on several devices."""
    from tests.attacks.scan_builders import stack_global, text

    parallel = stack_global("torch.nn.parallel.data_parallel", "DataParallel")
    data = b"\x80\x04" + parallel + b")\x81}" + text("device_ids") + b"]sb."
    assert scan(data).outcome is Outcome.CLEAN
