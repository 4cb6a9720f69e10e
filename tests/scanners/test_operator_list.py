"""The list of TensorFlow's operators is the one that its script writes."""

import json

from tests.assets.list_operators import ELSEWHERE, GROUPS, LIST
from weightmark.scanners.operators.tensorflow import Reach, reach

DOCUMENT = json.loads(LIST.read_text(encoding="utf-8"))


def test_each_operator_stands_in_one_group_in_order() -> None:
    groups = [DOCUMENT[name] for name in (*GROUPS, "plain")]
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names))
    assert all(group == sorted(group) for group in groups)


def test_operators_of_other_builds_stand_where_the_script_puts_them() -> None:
    for name, group in ELSEWHERE.items():
        assert name in DOCUMENT[group]
        assert reach(name) is Reach(group)
