"""Headers that lie, files in disguise, and everything that must not end as clean."""

import random

import pytest

from tests.attacks.scan_builders import (
    EVIL,
    Member,
    archive,
    rules,
    safetensors,
    scan,
    torch_zip,
    worst,
)
from weightmark.errors import Exit
from weightmark.scanners.scan import Limits, Outcome, ScanReport, Severity

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
OTHER = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}

HEADER_LIES = {
    "STF001": [
        safetensors(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
        safetensors(b'{"a": NaN}'),
        safetensors(b"{broken"),
        safetensors(b'{"\xff": 1}'),
        safetensors(b'{"a":' * 7 + b"1" + b"}" * 6),
        safetensors(b"{}{}"),
    ],
    "STF002": [
        safetensors({"a": {**ENTRY, "extra": 1}}, bytes(8)),
        safetensors({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
        safetensors({"a": {**ENTRY, "data_offsets": [0, 8.0]}}, bytes(8)),
        safetensors({"a": {**ENTRY, "data_offsets": [-8, 0]}}, bytes(8)),
        safetensors({"a": {**ENTRY, "data_offsets": [8, 0]}}, bytes(8)),
        safetensors({"a": {**ENTRY, "data_offsets": [0, True]}}, bytes(8)),
        safetensors({"a": {**ENTRY, "shape": "2"}}, bytes(8)),
        safetensors({"a": {**ENTRY, "dtype": 32}}, bytes(8)),
        safetensors({"a": [1]}, bytes(8)),
    ],
    "STF003": [safetensors({"a": ENTRY, "b": ENTRY}, bytes(8))],
    "STF004": [
        safetensors({"a": ENTRY}, bytes(9)),
        safetensors({"b": OTHER}, bytes(16)),
        safetensors({"a": ENTRY}, bytes(8) + b"hidden payload"),
    ],
    "STF005": [safetensors({"a": ENTRY}, bytes(7)), safetensors({"a": ENTRY})],
    "STF006": [
        safetensors({"a": {**ENTRY, "shape": [3]}}, bytes(8)),
        safetensors({"a": {**ENTRY, "shape": [1 << 62, 1 << 62]}}, bytes(8)),
    ],
    "STF007": [safetensors({"a": {**ENTRY, "dtype": "object"}}, bytes(8))],
    "STF008": [safetensors({"__metadata__": {"a": 1}}), safetensors({"__metadata__": ["a"]})],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "data"), [(k, d) for k, rows in HEADER_LIES.items() for d in rows]
)
def test_safetensors_header_that_lies(rule: str, data: bytes) -> None:
    assert rule in rules(data), scan(data)


def test_safetensors_cut_off_is_unchecked_and_not_called_bad() -> None:
    whole = safetensors({"a": ENTRY, "b": OTHER}, bytes(16))
    for size in (len(whole) - 1, len(whole) - 10, 60):
        assert ScanReport.of([scan(whole[:size])]).exit(Severity.HIGH) is Exit.UNCHECKED


def test_safetensors_header_over_the_limit_is_unchecked() -> None:
    data = safetensors({"a": ENTRY}, bytes(8))
    assert scan(data, Limits(header=10)).problems


def test_safetensors_then_zip_is_read_both_ways() -> None:
    found = scan(safetensors({"a": ENTRY}, bytes(8)) + torch_zip(EVIL))
    assert {"safetensors", "zip", "torch-zip"} == set(found.formats)
    assert {"STF004", "PKL001"} <= {finding.rule for finding in found.findings}


@pytest.mark.parametrize("name", ["x.txt", "x.safetensors", "x.json", "x.png", "README", "x.onnx"])
def test_extension_changes_nothing(name: str) -> None:
    for data in (EVIL, torch_zip(EVIL)):
        assert worst(data) == Severity.CRITICAL
        assert scan(data, name=name).findings


def _npy(header: bytes, data: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def test_npy_with_objects_is_a_pickle() -> None:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    assert {"NPY001", "PKL001"} <= rules(_npy(header, EVIL))
    assert {"NPY001", "PKL001"} <= rules(archive(Member(b"a.npy", _npy(header, EVIL), method=8)))


_PLAIN_HEADER = b"{'descr': '%b', 'fortran_order': False, 'shape': (%b), }\n"


@pytest.mark.parametrize(
    ("kind", "shape", "size"),
    [(b"<f8", b"2, 3", 48), (b"|b1", b"5,", 5), (b"<f4", b"", 4), (b"<U3", b"2,", 24), (b"<M8[ns]", b"2,", 16), (b"|S7", b"1,", 7)],
)  # fmt: skip
def test_npy_bytes_that_no_shape_asks_for_are_looked_at(
    kind: bytes, shape: bytes, size: int
) -> None:
    header = _PLAIN_HEADER % (kind, shape)
    assert scan(_npy(header, bytes(size))).outcome is Outcome.CLEAN
    assert scan(_npy(header, bytes(size - 1))).problems
    assert {"NPY002", "PKL001"} <= rules(_npy(header, bytes(size) + EVIL))
    assert rules(_npy(header, bytes(size) + b"more")) == {"NPY002"}


def test_arrays_that_numpy_saved_one_after_the_other_are_honest() -> None:
    one = _npy(_PLAIN_HEADER % (b"<f8", b"2,"), bytes(16))
    assert scan(one + one).outcome is Outcome.CLEAN
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    assert "PKL001" in rules(one + _npy(header, EVIL))


def test_a_shape_of_endless_digits_is_no_trouble() -> None:
    for shape in (
        b"9" * 18 + b"," + b" " * 3,
        b"9" * 4400 + b",",
        b"9999999, " * 60,
        b"9999999, " * 900,
    ):
        assert (
            scan(_npy(_PLAIN_HEADER % (b"<f8", shape), bytes(64))).outcome is not Outcome.FINDINGS
        )


def test_npy_that_hides_its_object_type_is_still_run() -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
    assert "PKL001" in rules(_npy(header, EVIL))


def test_npy_with_objects_but_no_pickle_is_unchecked() -> None:
    header = b"{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }"
    assert scan(_npy(header, b"\xff" * 20)).problems


LIMITED = {
    "opcodes": (b"\x80\x02" + b"N0" * 3000 + EVIL, Limits(opcodes=1000)),
    "memo": (b"\x80\x02" + b"N\x94" * 3000 + b".", Limits(memo=1000)),
    "sparse memo": (b"\x80\x02" + b"".join(b"Nr" + (i * 7 + 9).to_bytes(4, "little") for i in range(3000)) + b".", Limits(memo=1000)),
    "stack": (b"\x80\x02" + b"N" * 600_000 + b".", Limits(stack=1000)),
    "marks": (b"\x80\x02" + b"(" * 3000 + b".", Limits(stack=1000)),
    "streams": (b"\x80\x02N." * 50, Limits(streams=10)),
}  # fmt: skip


@pytest.mark.parametrize("case", LIMITED)
def test_every_limit_is_unchecked_and_never_clean(case: str) -> None:
    data, limits = LIMITED[case]
    found = scan(data, limits)
    assert found.problems
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.UNCHECKED


def test_limit_keeps_what_was_found_before_it() -> None:
    data = EVIL[:-1] + b"0" + b"N0" * 3000 + b"."
    found = scan(data, Limits(opcodes=1000))
    assert found.outcome is Outcome.FINDINGS
    assert found.problems
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


def test_names_too_long_to_read_are_refused() -> None:
    assert "PKL003" in rules(b"\x80\x02cos\n" + b"a" * 5000 + b"\n.")
    long = b"X" + (5000).to_bytes(4, "little") + b"a" * 5000
    assert "PKL006" in rules(b"\x80\x04" + long + b"\x8c\x01x\x93.")
    assert scan(b"\x80\x02c" + b"a" * 5000 + b"\nx\n.").outcome is not Outcome.CLEAN


def test_finding_before_damaged_compression_is_kept() -> None:
    pickled = EVIL[:-1] + b"0" + random.Random(1).randbytes(200_000).replace(b".", b"0")  # noqa: S311 - any bytes
    data = bytearray(
        archive(Member(b"x.pkl", EVIL[:-1] + b"0" + b"B\x40\x0d\x03\0" + pickled, method=8))
    )
    data[150_000:150_050] = b"\xff" * 50
    found = scan(bytes(data))
    assert "PKL001" in {finding.rule for finding in found.findings}


def test_truncated_honest_pickle_is_unchecked() -> None:
    import pickle

    whole = pickle.dumps({"a": [1, 2, 3], "b": "text"}, 4)
    for size in range(20, len(whole) - 1):
        report = ScanReport.of([scan(whole[:size])])
        assert report.exit(Severity.HIGH) is Exit.UNCHECKED, size
