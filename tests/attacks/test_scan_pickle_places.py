"""Pickles where loaders find them: by value in functions, in arrays, in a row, and not in raw weights."""

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.pickle_advisories import WRAPPERS
from tests.attacks.scan_builders import EVIL, STATE_DICT, Member, archive, rules, scan, worst
from weightmark.scanners.scan import Outcome, Severity

with zipfile.ZipFile(Path(__file__).parents[1] / "assets" / "function_pickles.zip") as _assets:
    FUNCTIONS = {name: _assets.read(name) for name in _assets.namelist()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_by_value_is_found_and_its_names_are_shown(name: str) -> None:
    found = scan(FUNCTIONS[name])
    code = [finding for finding in found.findings if finding.rule == "PKL019"]
    assert code, found
    assert not found.problems
    if name.startswith(("plain", "closed")):
        assert any("system" in finding.detail for finding in code)


def npy(data: bytes, descr: str = "'|O'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def npz(*arrays: bytes, method: int = 0) -> bytes:
    return archive(*(Member(b"arr_%d.npy" % n, data, method) for n, data in enumerate(arrays)))


@pytest.mark.parametrize("method", [0, 8])
def test_object_array_in_an_npz_is_judged(method: int) -> None:
    honest = npy(struct.pack("<d", 1.0), "'<f8'")
    found = scan(npz(honest, npy(EVIL), method=method))
    assert "PKL001" in {finding.rule for finding in found.findings}
    assert "NPY001" in {finding.rule for finding in found.findings}
    assert found.findings[0].member.startswith("arr_1.npy")
    assert scan(npz(honest, honest, method=method)).outcome is Outcome.CLEAN


@pytest.mark.parametrize(
    "descr",
    ["'O'", "'|O8'", "'>O'", "[('a', '<f8'), ('b', '|O')]", "[('a', '|O', (3,))]", "('|O', (2,))"],
)
def test_every_way_to_say_object_is_read_as_a_pickle(descr: str) -> None:
    assert worst(npy(EVIL, descr)) == Severity.CRITICAL


def test_pickle_behind_numbers_that_an_array_declares() -> None:
    """numpy reads no pickle there, but the bytes are looked at all the same."""
    assert worst(npy(EVIL, "'<f8'")) == Severity.CRITICAL


@pytest.mark.parametrize("count", [2, 3, 50])
def test_the_last_of_many_pickles_in_a_row_is_judged(count: int) -> None:
    assert worst(STATE_DICT * count + EVIL) == Severity.CRITICAL


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_row_of_pickles_is_judged_in_every_container(wrapper: str) -> None:
    assert "PKL001" in rules(WRAPPERS[wrapper](STATE_DICT + EVIL))


WEIGHTS = {
    "zeros": bytes(4096),
    "floats": struct.pack("<1000f", *(n / 999 - 0.5 for n in range(1000))),
    "doubles": struct.pack("<500d", *(n / 7 for n in range(500))),
    "halves": struct.pack("<1000e", *(n / 999 - 0.5 for n in range(1000))),
    "bytes": bytes(range(256)) * 8,
    "whole numbers": struct.pack("<1000q", *range(1000)),
    "begins like a call": b"cos" + bytes(range(128, 256)) * 4,
    "begins like a mark": b"(" * 100 + bytes(range(128, 256)),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_raw_weights_are_data_and_no_failed_pickle(name: str) -> None:
    found = scan(WEIGHTS[name])
    assert not found.problems, found
    assert found.outcome is Outcome.UNSUPPORTED


@given(values=st.lists(st.floats(-4, 4, width=32), min_size=8, max_size=60))
def test_floats_are_never_a_finding(values: list[float]) -> None:
    found = scan(struct.pack(f"<{len(values)}f", *values))
    assert not [finding for finding in found.findings if finding.severity >= Severity.HIGH]


def test_zip_without_names_of_torch_inside_bytes() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as inner:
        inner.writestr("x", EVIL)
    load = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(out.getvalue()))
    assert worst(b"\x80\x04" + load + out.getvalue() + b"\x85R.") == Severity.CRITICAL
