"""One huge claim costs a page no more than a small one, and what is left out is said."""

import json
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.ledger.makers import ALICE, enter, identity_of, state
from tests.attestations.pages.asking import Asking
from weightmark.attestations.pages.excerpt import Excerpt
from weightmark.attestations.pages.kept import Kept
from weightmark.attestations.pages.writing import PAGES
from weightmark.attestations.predicates.vsa import VSA_PREDICATE

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
)


def nested(depth: int, items: int) -> dict[str, object]:
    """Numbers that stand deep: each of them is written with two spaces a level in front."""
    inner: list[object] = [0] * items
    for _ in range(depth):
        inner = [inner]
    return {"a": inner}


def test_a_deep_claim_is_shown_as_far_as_a_page_goes(asking: Asking) -> None:
    deep = nested(50, 100_000)
    (index,) = enter(
        asking.ledger, ALICE, state(ALICE, identity_of("a"), "https://x.example/p", deep)
    )
    html = asking.html(f"entries/{index}")
    assert len(html) < 100_000
    assert "Cut after 20,000 characters" in asking.page(f"entries/{index}").text
    with asking.source() as source:
        kind = next(one for one in PAGES if one.name == "entry")
        twin = kind.page(source, str(index), []).json()
    assert json.loads(twin)["claim"]["predicate"] == deep
    assert len(twin) < 1_000_000, "no spaces in front of each number"


def test_a_claim_over_a_megabyte_is_named_by_its_size(asking: Asking) -> None:
    large = nested(50, 800_000)
    (index,) = enter(
        asking.ledger, ALICE, state(ALICE, identity_of("a"), "https://x.example/p", large)
    )
    twin = asking.twin(f"entries/{index}")["claim"]
    assert (twin["state"], twin["predicate"], twin["left_out"]) == ("verified", None, True)
    assert twin["size"] > 1_000_000
    page = asking.page(f"entries/{index}")
    assert "is not shown" in page.text
    claim = asking.ledger.entry(index).event.claim_sha256
    assert f"../claims/{claim}" in page.links


def test_the_check_that_failed_stands_on_the_page_whatever_stands_before(asking: Asking) -> None:
    good = [{"name": f"good-{at}", "outcome": "pass", "summary": "fine"} for at in range(250)]
    bad = {"name": "the-bad-one", "outcome": "fail", "summary": "not fine"}
    predicate = {
        "verifier": {"id": "https://gate.example"},
        "timeVerified": "2026-11-21T12:00:00Z",
        "resourceUri": "x",
        "policy": {"uri": "preset strict", "digest": {"sha256": "a" * 64}},
        "verificationResult": "FAILED",
        "verifiedLevels": ["FAILED"],
        "weightmark_decision": {"decision": "deny", "checks": [*good, bad]},
    }
    (index,) = enter(asking.ledger, ALICE, state(ALICE, identity_of("a"), VSA_PREDICATE, predicate))
    text = asking.page(f"decisions/{index}").text
    assert "the-bad-one" in text
    assert "51 more checks are left out" in text
    assert len(asking.twin(f"decisions/{index}")["checks"]) == 251


@given(VALUES, st.integers(1, 400))
def test_an_excerpt_is_the_beginning_of_the_whole(value: object, most: int) -> None:
    whole = json.dumps(value, indent=2, ensure_ascii=False)
    found = Excerpt.of(value, most)
    assert found.text == whole[:most]
    assert found.cut == (len(whole) > most)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9000)), max_size=60))
def test_what_is_kept_stays_within_its_bounds(asked: list[tuple[int, int]]) -> None:
    kept = Kept(20_000)
    for key, weight in asked:
        assert kept.get(key, lambda key=key: key, weight) == key  # type: ignore[misc] # a default binds the loop's value
    weights = list(chain.from_iterable(one[1:] for one in kept._found.values()))
    assert sum(weights) == kept._weight <= 20_000
