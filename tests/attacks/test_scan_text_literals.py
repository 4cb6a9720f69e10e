"""Literals as text: the walk ends where every unpickler's ends, and no sooner.

C's unpickler takes a zero byte for the end of a number, Python's does not; either may be the loader.
"""

import contextlib
import pickle
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import scan, text
from tests.scanners.test_pickle_machine import execute
from weightmark.scanners.findings import Outcome, Severity

HIDDEN = (
    b"0"
    + text("sys")
    + b"\x940"
    + text("po")
    + b"0"
    + text("os")
    + text("system")
    + b"\x93"
    + text("echo x")
    + b"\x85R."
)
"""a call that no search for `cos\\nsystem` finds"""  # fmt: skip
CUT = [b"I0\0\n", b"I7\0x\n", b"I\0\n", b"I-010\n", b"L7\0L\n", b"F1\0x\n", b"Np0\0x\n", b"Np0\n0g0\0\n"]  # fmt: skip
PIECES = ["0", "1", "-", "+", "_", " ", "\t", "x", "L", "e", ".", "'", '"', "\\", "\\x", "\\u12", "\0", "\xe9", "inf"]  # fmt: skip


def accepted(data: bytes) -> bool:
    """Tell whether any of the standard library's unpicklers reads the literal."""
    loaders = (pickle.loads, pickle._loads)  # type: ignore[attr-defined]  # Python's own unpickler
    for load, encoding in product(loaders, ("ASCII", "latin1", "bytes")):
        with contextlib.suppress(Exception):
            load(data, encoding=encoding)
            return True
    return False


@pytest.mark.parametrize("literal", CUT)
@pytest.mark.parametrize("opening", [b"", b"\x80\x04"])
def test_a_number_that_only_one_unpickler_reads_hides_nothing(
    literal: bytes, opening: bytes
) -> None:
    assert accepted(opening + literal + b"0N.")
    found = scan(opening + literal + HIDDEN)
    assert max(one.severity for one in found.findings) is Severity.CRITICAL


@given(
    op=st.sampled_from([b"I", b"L", b"F", b"S", b"V", b"Np", b"Np0\n0g"]),
    pieces=st.lists(st.sampled_from(PIECES), max_size=5),
)
def test_the_walk_goes_on_wherever_an_unpickler_does(op: bytes, pieces: list[str]) -> None:
    data = op + "".join(pieces).encode("latin-1") + b"\n0N."
    assert not execute(data)[0].error or not accepted(data)


@pytest.mark.parametrize("literal", [b"Ix\n", b"Lx\n", b"Fx\n", b"S'\n", b"Sx\n", b"V\\u12\n", b"px\n", b"g7\n"])  # fmt: skip
def test_an_undecodable_literal_ends_the_walk_and_keeps_what_ran_before(literal: bytes) -> None:
    assert not accepted(b"N" + literal + b"0N.")
    found = scan(b"\x80\x04N" + HIDDEN[:-1] + b"0N" + literal + HIDDEN)
    assert found.problems
    assert [one.rule for one in found.findings].count("PKL001") == 1
    harmless = scan(b"\x80\x04NNNNNN" + literal + HIDDEN, name="model.pkl")
    assert harmless.outcome is not Outcome.CLEAN
