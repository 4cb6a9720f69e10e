"""HDF5 and Keras files, made by the real h5py, that reach other files or hold code."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive, rules, scan
from weightmark.errors import LimitError
from weightmark.scanners.containers.streams import Block, Unpacked
from weightmark.scanners.scan import Limits, Outcome
from weightmark.scanners.wire.window import resident

ASSET = Path(__file__).parents[1] / "assets" / "models.zip"
EXPECTED = {
    "lambda": "KER001",
    "link": "HDF001",
    "pickle": "PKL001",
    "rows.h5": "PKL001",
    "storage": "HDF001",
    "user": "HDF001",
    "virtual.h5": "HDF001",
}


def hostile() -> dict[str, bytes]:
    with zipfile.ZipFile(ASSET) as packed:
        names = [name for name in packed.namelist() if name.startswith("hostile-")]
        return {name: packed.read(name) for name in names}


HOSTILE = hostile()
LAMBDA = HOSTILE["hostile-lambda-old-1.h5"]
LINK = HOSTILE["hostile-link-old-1.h5"]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_out_or_holds_code_is_found(name: str) -> None:
    expected = EXPECTED[name.split("-")[1]]
    assert expected in rules(HOSTILE[name]), scan(HOSTILE[name])


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("method", [0, 8])
def test_inside_a_keras_archive_it_is_the_same(name: str, method: int) -> None:
    data = archive(Member(b"model.weights.h5", HOSTILE[name], method=method))
    assert EXPECTED[name.split("-")[1]] in rules(data)


@pytest.mark.parametrize("start", [512, 1024, 4096, 65536])
def test_behind_a_user_block_of_any_size(start: int) -> None:
    assert "HDF001" in rules(bytes(start) + LINK)
    assert "HDF004" in rules(bytes(start) + LINK)


def test_a_group_that_holds_itself_ends() -> None:
    """The address of the linked group is replaced by that of the root."""
    data = HOSTILE["hostile-link-old-40.h5"]
    root = data[64:72]
    for at in range(0, len(data) - 8, 8):
        scan(data[:at] + root + data[at + 8 :]) if data[at + 2 : at + 8] == bytes(6) else None


@pytest.mark.parametrize("name", HOSTILE)
def test_cut_off_is_never_clean(name: str) -> None:
    data = HOSTILE[name]
    for size in range(16, len(data) - 1, max(1, len(data) // 40)):
        assert scan(data[:size]).outcome is not Outcome.CLEAN, size


def test_a_compressed_member_too_long_to_hold_is_unchecked() -> None:
    content = iter([Block(LINK, 1)])
    view = Unpacked(lambda: content, len(LINK))
    with pytest.raises(LimitError):
        resident(view, Limits(unpacked=1000))


def test_budget_of_records_is_unchecked() -> None:
    found = scan(HOSTILE["hostile-link-old-40.h5"], Limits(fields=20))
    assert found.problems


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(LAMBDA) - 1), st.binary(min_size=1, max_size=8))
def test_damage_never_makes_it_clean_without_the_finding(at: int, noise: bytes) -> None:
    found = scan(LAMBDA[:at] + noise + LAMBDA[at + len(noise) :])
    assert found.outcome in Outcome


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2900), st.binary(min_size=1, max_size=8))
def test_damage_in_dense_storage_ends_in_a_result(at: int, noise: bytes) -> None:
    data = HOSTILE["hostile-link-latest-40.h5"]
    scan(data[:at] + noise + data[at + len(noise) :])
