"""Figures: each part comes back as it was stated, whatever signs stand in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.bom.contents import claimed, content
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.interface import LONGEST_TEXT, Fact, plain
from weightmark.attestations.bom.metrics import Metric
from weightmark.attestations.bom.spdx import spdx_document

_SIGNS = st.text(st.sampled_from('ab :|\\\n(){}"') | st.characters(), max_size=12)


@given(_SIGNS.filter(bool), _SIGNS, _SIGNS)
def test_a_metric_comes_back_as_it_was_stated(kind: str, value: str, part: str) -> None:
    one = Metric(kind, value, part)
    assert Metric.read(one.text) == one


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert Metric.read(text).type or not text or text.startswith(":")


def test_a_metric_that_was_cut_keeps_its_type_or_has_no_value() -> None:
    assert Metric.read(plain(Metric("accuracy", "9" * 2000).text)).type == "accuracy"
    assert Metric.read(plain(Metric("x" * 2 * LONGEST_TEXT, "0.9").text)).value == ""


@pytest.mark.parametrize(
    ("kind", "value", "part"),
    [
        ("accuracy", "0.91 (95% CI: 0.90-0.92)", ""),
        ("n", "x: ", ""),
        ("a: b", "c", "d: e | f"),
    ],
)
def test_a_value_is_never_put_under_another_name(kind: str, value: str, part: str) -> None:
    said = content(facts={"metrics": (Fact((Metric(kind, value, part).text,), claimed()),)})
    card = cyclonedx_document(said)["metadata"]["component"]["modelCard"]
    expected = {"type": kind, "value": value} | ({"slice": part} if part else {})
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [expected]
    package = next(one for one in spdx_document(said)["@graph"] if one["type"] == "ai_AIPackage")
    assert package["ai_metric"][0]["value"] == value
