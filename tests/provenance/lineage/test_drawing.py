"""Drawings hold whatever labels there are, as text and never as syntax."""

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from weightmark.provenance.lineage.drawing import Arrow, Box, Drawing

EVIL = '"]; click n0 "javascript:x" --> <script>&"\\\n end%%{init}%% \u202e'


def _drawing(label: str) -> Drawing:
    boxes = (Box("a", label, "good"), Box("b", "base", "bad", 1))
    return Drawing(boxes, (Arrow("b", "a", label), Arrow("x", "a", "left out")))


def test_two_boxes_and_one_arrow_are_drawn() -> None:
    drawing = _drawing("model")
    assert drawing.to_mermaid().count("-->") == 1
    assert drawing.to_dot().count("->") == 1
    root = ET.fromstring(drawing.to_svg())  # noqa: S314 - made just now
    assert len([one for one in root.iter() if one.tag.endswith("rect")]) == 2


@given(st.text(min_size=1))
def test_a_label_never_becomes_syntax(label: str) -> None:
    _check(label)


def test_a_hostile_label_never_becomes_syntax() -> None:
    _check(EVIL)


def _check(label: str) -> None:
    drawing = _drawing(label)
    mermaid = drawing.to_mermaid().split("\n")
    assert len(mermaid) == len(_drawing("x").to_mermaid().split("\n"))
    for line in mermaid[1:4]:
        inner = re.sub(r'^[^"]*"|"[^"]*$', "", line)
        assert not set(inner) & set('"[]{}()<>|&%\\')
    dot = drawing.to_dot()
    assert dot.count("\n") == _drawing("x").to_dot().count("\n")
    assert len(re.findall(r'(?<!\\)(?:\\\\)*"', dot)) == len(
        re.findall('"', _drawing("x").to_dot())
    )
    ET.fromstring(drawing.to_svg())  # noqa: S314 - made just now
    assert "<script" not in drawing.to_svg()
