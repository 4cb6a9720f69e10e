"""The lineage graph: everything is reached, nothing runs for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightmark.provenance.lineage.graph import Bounds, Input, Lineage, Step


def _step(output: str, *parents: str, kind: str = "train") -> Step:
    inputs = tuple(Input(parent, "", "", parent) for parent in parents)
    return Step(output, kind, inputs, "key:00", "00")


def _trace(made: dict[str, list[str]], bounds: Bounds | None = None) -> Lineage:
    def steps_of(artifact: str) -> list[Step]:
        return [_step(artifact, *made[artifact])] if artifact in made else []

    return Lineage.trace("a", steps_of, bounds or Bounds())


def test_a_merge_reaches_a_shared_parent_once() -> None:
    lineage = _trace({"a": ["b", "c"], "b": ["d"], "c": ["d"]})
    assert dict(lineage.depths) == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert lineage.leaves == ("d",)
    assert lineage.circles == ()


def test_an_input_that_nothing_links_reaches_nothing() -> None:
    step = Step("a", "train", (Input("x", "hf://x", "", "", "no digest"),), "key:00", "00")
    lineage = Lineage.trace("a", lambda one: [step] if one == "a" else [])
    assert dict(lineage.depths) == {"a": 0}


@pytest.mark.parametrize(
    ("made", "circle"),
    [
        ({"a": ["a"]}, {"a"}),
        ({"a": ["b"], "b": ["a"]}, {"a", "b"}),
        ({"a": ["b", "c"], "c": ["d"], "d": ["c"]}, {"c", "d"}),
    ],
)
def test_a_circle_is_found_and_ends(made: dict[str, list[str]], circle: set[str]) -> None:
    assert circle in [set(one) for one in _trace(made).circles]


def test_ten_thousand_links_hit_the_depth_bound_and_no_recursion_limit() -> None:
    made = {"a": ["0"]} | {str(n): [str(n + 1)] for n in range(10_000)}
    assert "deeper than 64" in _trace(made).limit
    whole = _trace(made, Bounds(depth=20_000, artifacts=20_000))
    assert (whole.limit, whole.depth) == ("", 10_001)


def test_a_bush_hits_the_bound_on_artifacts_and_on_inputs() -> None:
    wide = {"a": [str(n) for n in range(200)]}
    assert "over 100 artifacts" in _trace(wide, Bounds(artifacts=100)).limit
    assert "over 100 inputs" in _trace(wide, Bounds(edges=100)).limit


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=8
    )
)
def test_any_graph_is_walked_to_its_end(made: dict[str, list[str]]) -> None:
    lineage = _trace(made)
    reached, waiting = {"a"}, ["a"]
    while waiting:
        for parent in made.get(waiting.pop(), []):
            if parent not in reached:
                reached.add(parent)
                waiting.append(parent)
    assert set(lineage.depths) == reached
    assert bool(lineage.circles) == _has_circle(made, reached)


def _has_circle(made: dict[str, list[str]], reached: set[str]) -> bool:
    left = {one: set(made.get(one, [])) for one in reached}
    while True:
        free = [one for one, parents in left.items() if not parents & left.keys()]
        if not free:
            return bool(left)
        for one in free:
            del left[one]
