"""Tables and headers from anywhere: read exactly, or refused with an error of ours."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.loading.makers import WEIGHTS, safetensors
from weightmark.attestations.loading.weights.layout import Layout, header_end
from weightmark.attestations.making.tensor_tables import TableWatcher
from weightmark.attestations.predicates.tensors import (
    TENSORS_PREDICATE,
    FileTable,
    TensorPlace,
    TensorsClaim,
    fits_a_claim,
)
from weightmark.attestations.statements import Statement
from weightmark.errors import LimitError, MalformedError, WeightmarkError
from weightmark.provenance.reading.views import MemoryView

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def tables(draw: st.DrawFn) -> FileTable:
    """Return a table that is sound."""
    at = header = draw(st.integers(9, 1000))
    places = []
    for name in draw(st.lists(NAMES, unique=True, max_size=5)):
        places.append(TensorPlace(name, at, draw(st.integers(0, 1 << 40)), draw(DIGESTS)))
        at = places[-1].end
    ordered = tuple(sorted(places, key=lambda one: one.order))
    path = draw(st.sampled_from(["a.safetensors", "b/c", "ü"]))
    return FileTable(path, at, header, draw(DIGESTS), ordered)


def read(predicate: Any) -> TensorsClaim:
    return TensorsClaim.from_statement(Statement((), TENSORS_PREDICATE, predicate))


@given(st.lists(tables(), min_size=1, max_size=3, unique_by=lambda one: one.path))
def test_a_claim_survives_the_way_through_json(files: list[FileTable]) -> None:
    claim = TensorsClaim.of(files)
    assert read(json.loads(json.dumps(claim.to_predicate()))) == claim


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["files", "path", "header", "size", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from([(), ("files",), ("files", 0), ("files", 0, "header"),
                              ("files", 0, "tensors"), ("files", 0, "tensors", 0),
                              ("files", 0, "tensors", 0, "offset"), ("files", 0, "path")]))  # fmt: skip
def test_any_json_in_any_place_is_read_or_malformed(value: Any, place: tuple[Any, ...]) -> None:
    table = FileTable("a", 17, 9, "0" * 64, (TensorPlace("t", 9, 8, "0" * 64),))
    predicate: Any = {"it": TensorsClaim.of([table]).to_predicate()}
    inner, last = predicate, "it"
    for step in place:
        inner, last = inner[last], step
    inner[last] = value
    try:
        read(predicate["it"])
    except MalformedError:
        return
    assert read(predicate["it"]).to_predicate() == predicate["it"]


def test_no_claim_is_empty_or_out_of_order() -> None:
    files = [FileTable(path, 17, 9, "0" * 64, (TensorPlace("t", 9, 8, "0" * 64),)) for path in "ba"]
    with pytest.raises(MalformedError):
        TensorsClaim.of([])
    with pytest.raises(MalformedError):
        read({"files": [one.to_json() for one in files]})
    with pytest.raises(MalformedError):
        TensorsClaim.of([files[0], files[0]])


def test_a_list_that_no_claims_file_could_hold_is_not_made() -> None:
    def table(count: int, name: str) -> FileTable:
        places = [TensorPlace(f"{name}{number:06}", 9, 0, "0" * 64) for number in range(count)]
        return FileTable("a", 9, 9, "0" * 64, tuple(places))

    assert fits_a_claim([table(1000, "n")])
    assert not fits_a_claim([])
    assert not fits_a_claim([table(100_000, "n")])
    assert not fits_a_claim([table(1000, "n" * 10_000)])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_layout_or_an_error_of_ours(data: bytes) -> None:
    for file in (data, struct.pack("<Q", max(0, len(data) - 8)) + data):
        try:
            layout = Layout.parse(file[: header_end(file[:8], len(file))], len(file))
        except WeightmarkError:
            continue
        assert sum(one.end - one.start for one in layout.tensors.values()) + layout.data_at == len(
            file
        )


@given(st.integers(0, 40), st.binary(min_size=1, max_size=3))
def test_a_damaged_header_never_gives_another_layout_silently(at: int, noise: bytes) -> None:
    good = safetensors()
    bad = good[:at] + noise + good[at + len(noise) :]
    try:
        layout = Layout.parse(bad[: header_end(bad[:8], len(bad))], len(bad))
    except WeightmarkError:
        return
    assert layout.data_at <= len(bad)


def test_the_bounds_of_a_header() -> None:
    with pytest.raises(MalformedError):
        header_end(struct.pack("<Q", 100), 107)
    with pytest.raises(LimitError):
        header_end(struct.pack("<Q", 1 << 30), 1 << 40)
    with pytest.raises(MalformedError):
        header_end(b"1234", 100)


@given(st.lists(st.integers(1, 300), max_size=6))
def test_a_table_does_not_depend_on_how_the_blocks_fall(cuts: list[int]) -> None:
    file = safetensors()
    tables = []
    for steps in ([len(file)], [*cuts, len(file)]):
        watcher: TableWatcher[None] = TableWatcher("m", len(file), None)
        at = 0
        for step in steps:
            # The first block always holds the head, as blocks of a reading do.
            end = min(len(file), max(at + step, 64))
            watcher.update(memoryview(file)[at:end])
            at = end
        tables.append(watcher.finish(MemoryView(file)).table)
    first, second = tables
    assert first is not None
    assert first == second
    assert {one.name: file[one.offset : one.end] for one in first.tensors} == WEIGHTS


@given(st.binary(max_size=100))
def test_watching_any_bytes_gives_a_sound_table_or_none(data: bytes) -> None:
    for file in (data, safetensors()[:-4] + data):
        watcher: TableWatcher[None] = TableWatcher("m", len(file), None)
        watcher.update(memoryview(file))
        table = watcher.finish(MemoryView(file)).table
        assert table is None or table.size == len(file)
