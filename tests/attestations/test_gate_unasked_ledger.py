"""A ledger that could not be asked: what seems to be missing may lie there, and is not refused for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.attestations.chain.chains import approve, identity, made, signer
from tests.attestations.gate_claims import evidence, rules
from tests.attestations.gate_makers import KEY, SIGNER, check, make_signed, parse, pem, refused
from weightmark.attestations.checks import Outcome
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.decision import Verdict, decide
from weightmark.attestations.gate.decisions.encoding import decoded, encoded
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.submission import submit
from weightmark.errors import Exit
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger

MORE = "[chain]\ncomplete = true\n[licenses]\nallow = ['MIT']\n[require.test]\nrole = 'release'\n"
RULES = parse(
    f"version = 1\n[roles.release]\nkeys = {pem(KEY.public)}\n[require.release]\nrole = 'release'\n{MORE}"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    submitters = [Submitter.from_pem(SIGNER.public.pem)]
    Ledger.create(tmp_path / "ledger", origin="example.com/models", submitters=submitters).close()
    return tmp_path / "ledger"


def test_without_a_ledger_what_is_missing_denies(tmp_path: Path) -> None:
    decision = gate(make_signed(tmp_path / "model"), RULES)
    assert {"licenses", "test"} <= refused(decision)
    assert decision.exit is Exit.BAD


def test_a_ledger_that_does_not_answer_turns_no_missing_claim_into_a_refusal(
    tmp_path: Path, place: Path
) -> None:
    model = make_signed(tmp_path / "model")
    key = (place / "log.vkey").read_text().strip()
    decision = gate(model, RULES, Sources(ledger=f"http://127.0.0.1:1#{key}"))
    assert refused(decision) == set()
    assert decision.verdict is Verdict.UNCHECKED
    assert decision.exit is Exit.UNCHECKED
    for name in ("ledger", "licenses", "test"):
        assert check(decision, name).outcome is Outcome.UNCHECKED
    assert "could not be asked" in check(decision, "licenses").why


def test_a_ledger_that_lost_a_claim_turns_no_missing_claim_into_a_refusal(
    tmp_path: Path, place: Path
) -> None:
    model = make_signed(tmp_path / "model")
    lines = parse_claims((model / "model.claims").read_bytes())
    with Ledger.open(place) as ledger:
        submit(ledger, [line.bundle for line in lines if line.bundle], SIGNER)
        (entry,) = ledger.find(kind=Kind.SCAN)
    (place / "claims" / entry.event.claim_sha256).unlink()
    decision = gate(model, RULES, Sources(ledger=str(place)))
    assert refused(decision) == set()
    assert decision.exit is Exit.UNCHECKED


def test_what_no_further_claim_can_mend_denies_whether_the_ledger_answers_or_not() -> None:
    policy = rules("[chain]\ncomplete = true\nmax_depth = 1\nrole = 'builder'\n", roles=["builder"])
    told = evidence(
        policy,
        made("model", "middle"),
        made("middle", "base"),
        made("model", "other", by="release"),
    )
    unasked = replace(told, unasked=True)
    assert "chain" in refused(decide(policy, unasked))


def test_no_claim_at_hand_is_worth_less_and_none_more_while_the_ledger_is_away() -> None:
    policy = rules("[chain]\ncomplete = true\nrole = 'release'\n")
    whole = evidence(policy, made("model", "base", by="release"), approve("base", by="release"))
    broken = evidence(policy, made("model", "base", by="release"))
    for one in (whole, broken):
        before, after = decide(policy, one), decide(policy, replace(one, unasked=True))
        assert (before.verdict is Verdict.ALLOW) >= (after.verdict is Verdict.ALLOW)
    assert check(decide(policy, broken), "chain").outcome is Outcome.FAIL
    assert (
        check(decide(policy, replace(broken, unasked=True)), "chain").outcome is Outcome.UNCHECKED
    )


def test_a_rule_over_claims_is_not_met_by_a_ledger_that_did_not_answer() -> None:
    rule = "[[rule]]\nname = 'short'\nfield = 'chain.depth'\nop = 'at_most'\nvalue = 1\n"
    policy = rules(rule)
    told = evidence(policy, made("model", "base", by="release"))
    assert check(decide(policy, told), "rule short").outcome is Outcome.PASS
    unasked = decide(policy, replace(told, unasked=True))
    assert check(unasked, "rule short").outcome is Outcome.UNCHECKED


def test_a_kept_decision_remembers_that_the_ledger_was_not_asked() -> None:
    policy = rules("[chain]\ncomplete = true\n")
    told = replace(evidence(policy, made("model", "base")), unasked=True, chain=None)
    again = decoded(Evidence, encoded(told), "evidence")
    assert again.unasked
    assert again.identity == identity("model")
    assert signer("release").public.identity in again.trusted
