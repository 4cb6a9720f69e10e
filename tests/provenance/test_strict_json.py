"""Strict JSON: what two readers could read in two ways is refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.errors import LimitError, MalformedError, WeightmarkError
from weightmark.provenance.strict_json import canonical_json, parse_json, parse_object

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 1}',
        b'{"x": {"a": 1, "\\u0061": 2}}',
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\\ud800"',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b"[1,]",
        b"{} {}",
        b"",
        b"'a'",
    ],
)
def test_a_document_with_two_readings_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_json(data, what="it")


@pytest.mark.parametrize("data", [b"[" * 65 + b"]" * 65, b'{"a":' * 70 + b"1" + b"}" * 70])
def test_deep_nesting_is_a_limit_not_a_crash(data: bytes) -> None:
    with pytest.raises(LimitError):
        parse_json(data, what="it")


def test_brackets_inside_strings_do_not_count() -> None:
    text = json.dumps(["[" * 1000, '\\"[' * 100])
    assert parse_json(text.encode(), what="it") == json.loads(text)


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b"1,"]), max_size=40))
def test_the_quick_look_at_nesting_agrees_with_the_slow_one(parts: list[bytes]) -> None:
    """Without a backslash the quick look answers; one outside of all strings sends it to the slow one."""
    data = b"[" * 50 + b"".join(parts)
    depths = {_is_too_deep(data), _is_too_deep(b"\\ " + data)}
    assert len(depths) == 1 or b"\\" in data


def _is_too_deep(data: bytes) -> bool:
    try:
        parse_json(data, what="it")
    except LimitError:
        return True
    except MalformedError:
        return False
    return False


def test_a_large_document_is_a_limit() -> None:
    with pytest.raises(LimitError):
        parse_json(b" " * 11, what="it", max_size=10)


def test_an_object_is_asked_for() -> None:
    with pytest.raises(MalformedError):
        parse_object(b"[]", what="it")


@given(VALUES)
def test_canonical_bytes_are_read_back_and_stay_the_same(value: object) -> None:
    data = canonical_json(value)
    assert parse_json(data, what="it") == value
    assert canonical_json(parse_json(data, what="it")) == data


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_our_errors(data: bytes) -> None:
    with contextlib.suppress(WeightmarkError):
        parse_json(data, what="it")


def test_floats_are_not_canonical() -> None:
    with pytest.raises(TypeError):
        canonical_json({"a": [1.5]})
