"""The machine's shortcuts: what they skip is what nothing follows from."""

import contextlib
import pickle
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import rules, scan, stack_global, text, worst
from tests.scanners.test_pickle_machine import execute
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
SYSTEM = stack_global("os", "system")
DAY = stack_global("datetime", "date") + b"\x94"
PLAIN_CALL = b"0h\x00C\x04\x07\xe8\x01\x01\x85R"
"""`date(b'…')`, which is allowed"""
NAMESPACE = stack_global("types", "SimpleNamespace") + b")\x81"


@pytest.mark.parametrize(
    "arguments",
    [SYSTEM + b"\x85", b"]" + SYSTEM + b"a\x85", b"}" + text("a") + SYSTEM + b"s\x85", b"\x8f(" + SYSTEM + b"\x90\x85", SYSTEM + b"\x85\x85"],
)  # fmt: skip
def test_a_call_that_was_allowed_before_is_judged_anew_with_a_function(arguments: bytes) -> None:
    allowed = P4 + DAY + PLAIN_CALL * 3
    assert worst(allowed + b".") == Severity.INFO
    assert "PKL016" in rules(allowed + b"0h\x00" + arguments + b"R.")


def test_a_codec_that_was_allowed_before_is_judged_anew_with_another_codec() -> None:
    encode = stack_global("_codecs", "encode") + b"\x94"
    allowed = P4 + encode + (b"0h\x00" + text("abc") + text("latin1") + b"\x86R") * 3
    assert worst(allowed + b".") == Severity.INFO
    assert "PKL016" in rules(allowed + b"0h\x00" + text("abc") + text("rot13") + b"\x86R.")


def test_a_refused_call_is_refused_each_time() -> None:
    once = b"0h\x00" + text("echo x") + b"\x85R"
    found = scan(P4 + SYSTEM + b"\x94" + once * 3 + b".").findings
    assert {finding.rule for finding in found} == {"PKL001"}


STATE_OPENINGS = {"list": b"]", "dict": b"}", "set": b"\x8f"}
FILLING = {
    "append": ("list", b"h\x00" + SYSTEM + b"a"),
    "appends": ("list", b"h\x00(" + SYSTEM + b"e"),
    "set item": ("dict", b"h\x00" + text("x") + SYSTEM + b"s"),
    "set items": ("dict", b"h\x00(" + text("x") + SYSTEM + b"u"),
    "add items": ("set", b"h\x00(" + SYSTEM + b"\x90"),
    "a constant": ("dict", b"h\x00" + text("x") + b"Ns"),
    "constants": ("dict", b"h\x00(" + text("x") + b"Nu"),
}


@pytest.mark.parametrize("way", FILLING)
def test_nothing_goes_into_an_empty_state_once_it_was_set(way: str) -> None:
    kind, filling = FILLING[way]
    built = P4 + STATE_OPENINGS[kind] + b"\x940" + NAMESPACE + b"h\x00b0"
    assert "PKL009" in rules(built + filling + b".")


@pytest.mark.parametrize("way", [way for way in FILLING if "constant" not in way])
def test_what_goes_into_an_empty_container_later_goes_into_what_holds_it(way: str) -> None:
    kind, filling = FILLING[way]
    for holder in (b"](h\x00e", b"]h\x00a", b"}(Nh\x00u", b"}Nh\x00s", b"h\x00\x85", b"(h\x00t"):
        held = P4 + STATE_OPENINGS[kind] + b"\x940" + holder + b"\x940"
        assert "PKL009" in rules(held + filling + b"."), holder


SHAPES = st.sampled_from(
    [
        [{"id": 1, "values": [1, 0.5], "pair": (1, None)}, {"id": 2, "values": [], "pair": ()}],
        [[[1], [2]], [[3]], [[]], [None, True]],
        {(1, 2): {3, 4}, "a": frozenset({5}), "b": {"c": {"d": [b"x"]}}},
        [date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), Decimal("1.5"), date(2024, 1, 2)],
        [OrderedDict(a=1, b=[2]), Counter("abca"), Counter("b")],
        [b"", b"a" * 20, "é", "x" * 300, -1, 1 << 40, 255, 65535, 1e300],
    ]
)


@given(value=st.lists(SHAPES, max_size=4), protocol=st.integers(0, 5))
def test_a_limit_on_opcodes_counts_what_a_shortcut_takes_together(
    value: object, protocol: int
) -> None:
    data = pickle.dumps(value, protocol)
    count = sum(1 for _ in pickletools.genops(data))
    assert not scan(data, Limits(opcodes=count)).problems
    short = scan(data, Limits(opcodes=count - 1))
    assert short.outcome is not Outcome.CLEAN
    assert any("opcodes" in problem for problem in short.problems)


PIECES = [
    b"N", b"0", b"(", b"1", b"2", b"]", b"}", b")", b"\x8f", b"\x94", b"q\x00", b"q\x05", b"h\x00", b"r\x07\0\0\0",
    b"j\0\0\0\0", b"K\x07", b"M\x01\x02", b"J\xff\xff\xff\xff", b"G" + bytes(8), b"\x8c\x01a", b"X\x01\0\0\0b",
    b"C\x01c", b"B\x01\0\0\0d", b"\x8a\x01\x05", b"\x8b\x01\0\0\0\x05", b"a", b"e", b"s", b"u", b"t", b"l", b"d",
    b"\x85", b"\x86", b"\x87", b"\x88", b"\x90", b"\x91", b"p1\n", b"g0\n", b"I1\n", b"L2L\n", b"F1\n", b"S'x'\n",
    b"Vy\n", b"\x98", b"\x96\x01" + bytes(7) + b"e", b"\x8d\x01" + bytes(7) + b"f", b"U\x01h", b"](", b"}(", b"]\x94(",
    b"}\x94(", b"\x8f\x94(", b"K\x01K\x02\x86\x94", b"\x8c\x01aNs", b"Na", b"N0",
]  # fmt: skip
"""opcodes that import nothing, alone and as the machine takes them together"""


@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
def test_what_an_unpickler_runs_to_its_end_is_run_to_its_end(pieces: list[bytes]) -> None:
    data = P4 + b"".join(pieces) + b"."
    if _runs(pickle.loads, data) or _runs(pickle._loads, data):  # type: ignore[attr-defined]  # Python's
        ended = execute(data)[0]
        assert (ended.error, ended.opcodes) == ("", _walked(data))


def _runs(load: Callable[[bytes], object], data: bytes) -> bool:
    with contextlib.suppress(Exception):
        load(data)
        return True
    return False


def _walked(data: bytes) -> int:
    return sum(1 for _ in pickletools.genops(data))
