"""The page of a real decision: its checks, its policy, what it rests on, and what follows when it is judged again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attestations.decisions.makers import GATE, decided, rules, said, state
from tests.attestations.ledger.makers import admitted, enter, make_ledger
from tests.attestations.pages.asking import Asking
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.summary import summarize

TOP = "# <x-evil onx=1> {{ 7*191 }}"


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[Asking, Decision]]:
    """A ledger that admits the gate, and a decision about a signed model."""
    (tmp_path / "model-folder").mkdir()
    _, decision = decided(tmp_path / "model-folder", rules(top=TOP))
    with make_ledger(tmp_path / "ledger", [admitted(GATE)]) as ledger:
        yield Asking(ledger, tmp_path / "index"), decision


def test_a_decision_shows_its_checks_its_policy_and_its_evidence(
    gated: tuple[Asking, Decision],
) -> None:
    asking, decision = gated
    (index,) = enter(asking.ledger, GATE, said(decision))
    twin = asking.twin(f"decisions/{index}")
    assert (twin["state"], twin["passed"], twin["replayed"]) == ("verified", True, "reproduced")
    assert [one["name"] for one in twin["checks"]] == [one.name for one in decision.checks]
    assert twin["policy_text"] == decision.policy.text
    assert twin["evidence"]["identity"] == decision.evidence.identity
    page = asking.page(f"decisions/{index}")
    assert TOP in page.text
    assert not page.all("x-evil")
    assert "reproduced" in page.text
    assert decision.evidence.identity in page.text


def test_a_decision_whose_record_was_edited_is_not_judged_again(
    gated: tuple[Asking, Decision],
) -> None:
    asking, decision = gated
    predicate = summarize(decision).to_predicate()
    record = json.loads(json.dumps(predicate["weightmark_inputs"]))
    record["inputs"]["policy"]["text"] += "# edited\n"
    edited = state(decision.evidence.identity, {**predicate, "weightmark_inputs": record}, GATE)
    (index,) = enter(asking.ledger, GATE, edited)
    twin = asking.twin(f"decisions/{index}")
    assert twin["replayed"].startswith("not judged again: the decision was edited")
    assert (twin["policy_text"], twin["evidence"]) == ("", None)


def test_a_signer_who_says_pass_over_a_record_that_denies_is_found_out(
    gated: tuple[Asking, Decision],
) -> None:
    asking, decision = gated
    predicate = summarize(decision).to_predicate()
    lie = {**predicate, "verificationResult": "FAILED", "verifiedLevels": ["FAILED"]}
    (index,) = enter(asking.ledger, GATE, state(decision.evidence.identity, lie, GATE))
    twin = asking.twin(f"decisions/{index}")
    assert twin["passed"] is False
    assert "something else than the decision that it holds" in twin["replayed"]


def test_a_pass_over_a_record_that_denies_is_contradicted_at_the_top(
    gated: tuple[Asking, Decision],
) -> None:
    asking, decision = gated
    honest = summarize(decision).to_predicate()
    lie = {**honest, "verificationResult": "FAILED", "verifiedLevels": ["FAILED"]}
    good, bad = enter(
        asking.ledger, GATE, said(decision), state(decision.evidence.identity, lie, GATE)
    )
    assert asking.twin(f"decisions/{bad}")["contradicted"]
    page = asking.page(f"decisions/{bad}").text
    assert page.index("contradicted") < page.index("What was decided")
    assert "Outcome, by a claim that is contradicted" in page
    assert not asking.twin(f"decisions/{good}")["contradicted"]
    assert "contradicted" not in asking.page(f"decisions/{good}").text


def test_a_decision_by_another_verifier_is_shown_as_far_as_it_goes(
    gated: tuple[Asking, Decision],
) -> None:
    asking, decision = gated
    predicate = summarize(decision).to_predicate()
    foreign = {key: value for key, value in predicate.items() if not key.startswith("weightmark_")}
    (index,) = enter(asking.ledger, GATE, state(decision.evidence.identity, foreign, GATE))
    twin = asking.twin(f"decisions/{index}")
    assert (twin["passed"], twin["checks"], twin["policy_text"]) == (True, [], "")
    assert "does not hold its text" in asking.page(f"decisions/{index}").text


def test_a_decision_that_breaks_its_format_is_no_outcome(gated: tuple[Asking, Decision]) -> None:
    asking, decision = gated
    (index,) = enter(
        asking.ledger,
        GATE,
        state(decision.evidence.identity, {"verificationResult": "PASSED"}, GATE),
    )
    twin = asking.twin(f"decisions/{index}")
    assert twin["passed"] is None
    assert "The claim cannot be read" in asking.page(f"decisions/{index}").text
