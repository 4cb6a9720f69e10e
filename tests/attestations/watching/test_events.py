"""What is new between two looks: nothing that came back by a detour counts as nothing new."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.attestations.watching.events import EventKind, Look, compare
from weightmark.errors import CallError, Exit, MalformedError, WeightmarkError

A, B = f"wm1:{'a' * 64}", f"wm1:{'b' * 64}"
GOOD = Look("allow", EventKind.CHECKED, Exit.GOOD, A, ())
OTHER = replace(GOOD, identity=B)
BAD = Look("deny", EventKind.REFUSED, Exit.BAD, A, ("tampered",))
UNSEEN = Look("could not be checked", EventKind.UNCHECKED, Exit.UNCHECKED, "", ("io",))
GONE = Look.gone()

LOOKS = st.sampled_from([GOOD, OTHER, BAD, replace(BAD, reasons=("revoked",)), UNSEEN, GONE])


def events(*looks: Look) -> list[str]:
    found, last = [], None
    for look in looks:
        kind, last = compare(last, look)
        found.append(kind.value)
    return found


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        ([GOOD, GOOD], ["checked", "checked"]),
        ([BAD, BAD], ["refused", "checked"]),
        ([GOOD, OTHER, OTHER], ["checked", "changed", "checked"]),
        ([GOOD, BAD, GOOD], ["checked", "refused", "recovered"]),
        ([GOOD, GONE, GONE, GOOD], ["checked", "gone", "checked", "recovered"]),
        ([BAD, replace(BAD, reasons=("revoked",))], ["refused", "refused"]),
        ([GOOD, UNSEEN, GOOD], ["checked", "unchecked", "recovered"]),
    ],
)
def test_only_what_is_new_is_said(looks: list[Look], said: list[str]) -> None:
    assert events(*looks) == said


@pytest.mark.parametrize("between", [GONE, BAD, UNSEEN])
def test_content_swapped_while_it_was_gone_is_a_change(between: Look) -> None:
    assert events(GOOD, between, OTHER)[-1] == "changed"


@given(st.lists(LOOKS, min_size=1))
def test_other_allowed_content_than_before_is_never_silent(looks: list[Look]) -> None:
    allowed, last = "", None
    for look in looks:
        kind, last = compare(last, look)
        if look.kind is EventKind.CHECKED:
            moved = bool(allowed) and allowed != look.identity
            assert kind.is_drift == moved
            allowed = look.identity
        assert last.allowed == allowed


@given(LOOKS, LOOKS)
def test_a_state_file_brings_the_look_back(first: Look, second: Look) -> None:
    _, known = compare(compare(None, first)[1], second)
    assert Look.parse(known.to_bytes("/m"), "/m") == known


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        GOOD.to_bytes("/m").replace(b"checked", b"wonderful"),
        GOOD.to_bytes("/m").replace(b'"exit": 0', b'"exit": 9'),
        GOOD.to_bytes("/m").replace(b'"allow"', b"1"),
        GOOD.to_bytes("/m").replace(b'"reasons": []', b'"reasons": 5'),
        GOOD.to_bytes("/m").replace(b'"path": "/m"', b'"path": 5'),
        GOOD.to_bytes("/m").replace(b'"path"', b'"place"'),
        GOOD.to_bytes("/m").replace(b"{", b'{"more": 1,', 1),
    ],
)
def test_a_spoiled_state_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Look.parse(data, "/m")


def test_what_was_allowed_elsewhere_is_not_taken_for_this_path() -> None:
    with pytest.raises(CallError, match="of another path"):
        Look.parse(GOOD.to_bytes("/m"), "/other")


@given(st.binary(max_size=200))
def test_a_state_file_of_any_bytes_raises_only_its_own_error(data: bytes) -> None:
    with pytest.raises(WeightmarkError):
        Look.parse(data, "/m")
