"""Tables beside each other: what is the same, what is not, and what nobody can say."""

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.provenance.diff.configuration import key_changes
from weightmark.provenance.diff.elements import ElementChanges, measure
from weightmark.provenance.diff.tensors import Relation, TensorDifferences
from weightmark.provenance.tensors import TensorEntry, TensorTable

Shape = tuple[int, ...]


def entry(name: str, content: str, shape: Shape = (2, 3), dtype: str = "F32") -> TensorEntry:
    """Return a tensor whose digest stands for `content`."""
    return TensorEntry(name, dtype, shape, 24, content.encode().hex().ljust(64, "0"))


def between(before: list[TensorEntry], after: list[TensorEntry]) -> TensorDifferences:
    return TensorDifferences.between(TensorTable.of(before), TensorTable.of(after))


def kinds(found: TensorDifferences) -> dict[str, str]:
    return {change.name: change.kind for change in found.changes}


def test_equal_tables_are_identical() -> None:
    found = between([entry("a", "1"), entry("b", "2")], [entry("b", "2"), entry("a", "1")])
    assert (found.relation, found.identical, found.changes) == (Relation.IDENTICAL, 2, ())


def test_other_names_for_the_same_values_are_the_same_values() -> None:
    found = between([entry("a", "1"), entry("b", "2")], [entry("x", "1"), entry("b", "2")])
    assert found.relation is Relation.SAME_VALUES
    assert kinds(found) == {"a": "renamed"}


def test_a_tie_that_a_format_leaves_out_keeps_the_values() -> None:
    found = between([entry("embed", "1"), entry("head", "1")], [entry("embed", "1")])
    assert found.relation is Relation.SAME_VALUES
    assert [(one.kind, one.twin) for one in found.changes] == [("removed", "embed")]


def test_two_tensors_that_changed_places_are_different_though_their_values_are_the_same() -> None:
    """The digest of the values alone would call a swap of two layers faithful."""
    before, after = [entry("a", "1"), entry("b", "2")], [entry("a", "2"), entry("b", "1")]
    assert TensorTable.of(before).values == TensorTable.of(after).values
    found = between(before, after)
    assert found.relation is Relation.DIFFERENT
    assert [(one.name, one.twin) for one in found.changes] == [("a", "b"), ("b", "a")]


@pytest.mark.parametrize(
    ("before", "after", "kind", "relation"),
    [
        (entry("w", "1"), entry("w", "2"), "changed", Relation.DIFFERENT),
        (entry("w", "1"), entry("w", "2", dtype="F16"), "retyped", Relation.DIFFERENT),
        (entry("w", "1", dtype="BF16"), entry("w", "1", dtype="U16"), "retyped", Relation.NOT_COMPARABLE),
        (entry("w", "1"), entry("w", "2", (3, 2)), "permuted", Relation.NOT_COMPARABLE),
        (entry("w", "1"), entry("w", "1", (6,)), "reshaped", Relation.NOT_COMPARABLE),
        (entry("w", "1"), entry("w", "2", (6,)), "reshaped", Relation.DIFFERENT),
        (entry("w", "1"), entry("w", "2", (7,)), "changed", Relation.DIFFERENT),
    ],
)  # fmt: skip
def test_one_name_with_another_tensor(
    before: TensorEntry, after: TensorEntry, kind: str, relation: Relation
) -> None:
    found = between([before], [after])
    assert kinds(found) == {"w": kind}
    assert found.relation is relation


def test_whatever_can_not_be_compared_hides_no_difference() -> None:
    found = between([entry("p", "1"), entry("w", "2")], [entry("p", "3", (3, 2)), entry("w", "4")])
    assert found.relation is Relation.DIFFERENT


def test_what_is_in_one_table_only_makes_a_difference() -> None:
    assert between([entry("a", "1")], []).relation is Relation.DIFFERENT
    assert between([], [entry("a", "1")]).relation is Relation.DIFFERENT
    assert kinds(between([entry("a", "1")], [entry("b", "2")])) == {"a": "removed", "b": "added"}


values = st.sampled_from("123")
tables = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(tables, tables)
def test_same_values_are_never_said_of_other_values(
    before: dict[str, str], after: dict[str, str]
) -> None:
    first = TensorTable.of(entry(*pair) for pair in before.items())
    second = TensorTable.of(entry(*pair) for pair in after.items())
    relation = TensorDifferences.between(first, second).relation
    assert (relation is Relation.IDENTICAL) == (first.weights == second.weights)
    if relation is Relation.SAME_VALUES:
        assert first.values == second.values
    assert relation is TensorDifferences.between(second, first).relation


def test_a_single_flipped_bit_is_counted_and_measured() -> None:
    before = bytearray(struct.pack("<4f", 1, 2, 4, 8))
    after = bytearray(before)
    after[8] ^= 1
    far = measure("F32", [bytes(before)], [bytes(after)])
    assert far == ElementChanges(4, 1, f"{4 * 2**-23:.6g}")


@pytest.mark.parametrize(
    ("dtype", "form", "before", "after", "most"),
    [
        ("F64", "d", 1.5, -2.5, "4"),
        ("F16", "e", 0.5, 1.0, "0.5"),
        ("I8", "b", -128, 127, "255"),
        ("U8", "B", 0, 255, "255"),
        ("I64", "q", -5, 5, "10"),
        ("F32", "f", 1.0, math.inf, "inf"),
        ("F32", "f", 1.0, math.nan, "nan"),
        ("F32", "f", 0.0, -0.0, "0"),
    ],
)
def test_every_type_is_measured_in_its_own_numbers(
    dtype: str, form: str, before: float, after: float, most: str
) -> None:
    first, second = (struct.pack(f"<2{form}", one, one) for one in (before, after))
    far = measure(dtype, [first], [second])
    assert far == ElementChanges(2, 2, most)


def test_bfloat16_is_the_upper_half_of_a_float() -> None:
    first, second = (struct.pack("<f", one)[2:] for one in (1.0, 1.5))
    assert measure("BF16", [first], [second]) == ElementChanges(1, 1, "0.5")


def test_a_type_without_numbers_is_counted_only() -> None:
    assert measure("F8_E4M3", [b"abc"], [b"abd"]) == ElementChanges(3, 1, None)
    assert measure("Q4_0", [b"abc"], [b"abd"]) is None


def test_much_that_differs_is_not_measured_slowly() -> None:
    first, second = ([letter * (1 << 20)] * 9 for letter in (b"a", b"b"))
    assert measure("U8", first, second) is None
    assert measure("U8", [*first, b"aa"], [*first, b"ab"]) == ElementChanges((9 << 20) + 2, 1, "1")


@given(st.binary(max_size=64), st.binary(max_size=64), st.lists(st.integers(1, 9), min_size=1))
def test_blocks_may_be_cut_anywhere(first: bytes, second: bytes, cuts: list[int]) -> None:
    size = min(len(first), len(second)) // 2 * 2
    first, second = first[:size], second[:size]
    pieces, at = [], 0
    for number in range(size):
        step = cuts[number % len(cuts)]
        pieces.append(second[at : at + step])
        at += step
    far = measure("U16", [first], pieces)
    expected = sum(first[i : i + 2] != second[i : i + 2] for i in range(0, size, 2))
    assert far is not None
    assert (far.elements, far.changed) == (size // 2, expected)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 2}, [("changed", "a", "1", "2")]),
        ({"a": 1}, {"a": True}, [("changed", "a", "1", "true")]),
        ({"a": 1}, {"a": 1.0}, [("changed", "a", "1", "1.0")]),
        ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}, [("changed", "a.b", "[1]", "[1, 2]")]),
        ({"a": None}, {}, [("removed", "a", "null", None)]),
        ({}, {"a.b": "x"}, [("added", "a\\.b", None, '"x"')]),
        ({"a": {}}, {"a": 1}, [("changed", "a", "{}", "1")]),
        ([1], [2], [("changed", ".", "[1]", "[2]")]),
        ({"a": {"x": 1}, "b": 2}, {"b": 2, "a": {"x": 1}}, []),
    ],
)
def test_configuration_keys(before: Any, after: Any, expected: list[tuple[Any, ...]]) -> None:
    found = [(one.kind, one.key, one.before, one.after) for one in key_changes(before, after)]
    assert found == expected
