"""ExecuTorch's programs and weights, and CatBoost's trees, that refer to what is not there."""

import struct

import pytest

from tests.attacks.scan_builders import EVIL, scan
from tests.fuzz.scan_seeds import packed
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.limits import Budget, Limits
from weightmark.scanners.scan import Outcome
from weightmark.scanners.wire.flatbuffers import Table, root_table
from weightmark.scanners.wire.window import Window

FILES = packed("loaders.zip")
PROGRAM, WEIGHTS = FILES["executorch-linear.pte"], FILES["executorch-weights.ptd"]
MOST = b"\xff\xff\xff\x7f"


def _root(data: bytes, start: int = 0) -> Table:
    return root_table(Window(MemoryView(data)), Budget(Limits.default()), start)


def _set(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _at(table: Table, field: int) -> int:
    """Return where the field of a table stands."""
    assert table.fields[field]
    return table.start + table.fields[field]


def _constant(data: bytes) -> int:
    """Return where the number of a tensor's constant stands."""
    for value in _root(data).tables(1)[0].tables(2):
        tensor = value.table(1)
        if value.number(0, 1) == 5 and tensor and tensor.number(5, 4):
            return _at(tensor, 5)
    raise AssertionError


PLAN = _root(PROGRAM).tables(1)[0]
CALL = PLAN.tables(5)[0].tables(2)[0].table(1)
SEGMENTS = _root(PROGRAM).tables(4)
assert CALL
LYING_PROGRAMS = {
    "operator": _set(PROGRAM, _at(CALL, 0), MOST)
    if CALL.fields[0]
    else _set(PROGRAM, _at(PLAN.tables(5)[0].tables(2)[1].table(1) or CALL, 0), MOST),
    "argument": _set(PROGRAM, CALL.vector(1, 4)[0], MOST),
    "input": _set(PROGRAM, PLAN.vector(3, 4)[0], MOST),
    "output": _set(PROGRAM, PLAN.vector(4, 4)[0], b"\xff\xff\xff\xff"),
    "constant": _set(PROGRAM, _constant(PROGRAM), MOST),
    "segment": _set(PROGRAM, _at(SEGMENTS[0], 1), MOST),
}


@pytest.mark.parametrize("case", LYING_PROGRAMS)
def test_program_that_refers_to_what_is_not_there_is_told(case: str) -> None:
    found = scan(LYING_PROGRAMS[case], name="m.pte")
    assert "ETX001" in {finding.rule for finding in found.findings}, found
    assert found.outcome is Outcome.FINDINGS


def test_weights_of_a_device_that_lie_elsewhere_are_told() -> None:
    table = _root(WEIGHTS)
    segment, named = table.tables(1)[-1], table.tables(2)[-1]
    for data in (
        _set(WEIGHTS, _at(segment, 1), MOST),
        _set(WEIGHTS, _at(segment, 0), struct.pack("<Q", 1)),
        _set(WEIGHTS, _at(named, 1), MOST),
        _set(WEIGHTS, 40, MOST),
        WEIGHTS + EVIL,
    ):
        found = scan(data, name="m.ptd")
        assert "ETX001" in {finding.rule for finding in found.findings}, found
    assert "PKL001" in {finding.rule for finding in scan(WEIGHTS + EVIL).findings}


@pytest.mark.parametrize("name", ["executorch-apart.pte", "executorch-weights.ptd"])
def test_file_for_a_device_that_was_cut_off_is_never_clean(name: str) -> None:
    data = FILES[name]
    quiet = [size for size in range(48, len(data) - 8, 3) if _is_clean(data[:size], name)]
    assert quiet == []


def _is_clean(data: bytes, name: str) -> bool:
    return scan(data, name=name).outcome is Outcome.CLEAN


def _trees(data: bytes) -> Table:
    trees = _root(data, 8).table(1)
    assert trees
    return trees


def _catboost(kind: str, field: int, value: bytes, index: int = 0) -> bytes:
    data = FILES[f"catboost-{kind}.cbm"]
    start, count = _trees(data).vector(field, 4)
    assert index < count
    return _set(data, start + 4 * index, value)


ENDLESS = b"\xff\x00\xff\x00"
LYING_TREES = {
    "split": _catboost("symmetric", 1, MOST),
    "negative split": _catboost("classes", 1, b"\xff\xff\xff\xff"),
    "depth": _catboost("symmetric", 2, b"\x09\x00\x00\x00", 3),
    "negative depth": _catboost("symmetric", 2, b"\xff\xff\xff\xff"),
    "start": _catboost("symmetric", 3, MOST),
    "step": _catboost("lossguide", 10, ENDLESS),
    "leaf": _catboost("depthwise", 11, MOST, 3),
    "dimension": _set(
        FILES["catboost-classes.cbm"], _at(_trees(FILES["catboost-classes.cbm"]), 0), MOST
    ),
}


@pytest.mark.parametrize("case", LYING_TREES)
def test_tree_of_catboost_that_leads_out_of_its_lists_is_refused(case: str) -> None:
    found = scan(LYING_TREES[case], name="m.cbm")
    assert "BST002" in {finding.rule for finding in found.findings}, found
