"""Opcodes that the machine runs in one step count one by one."""

import pickle
import pickletools

import pytest

from tests.attacks.scan_builders import scan
from weightmark.scanners.scan import Limits, Outcome

VALUES = [[[]] * 3, [{}, {}, {}], [(1, 2), (3, 4)], {"a": [], "b": {}, "c": (None, 1)}]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", VALUES, ids=["lists", "dicts", "pairs", "mixed"])
def test_the_limit_is_the_number_of_opcodes(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    count = len(list(pickletools.genops(data)))
    assert scan(data, Limits(opcodes=count)).outcome is Outcome.CLEAN
    short = scan(data, Limits(opcodes=count - 1))
    assert short.outcome is Outcome.UNCHECKED
    assert "opcodes" in short.problems[0]
