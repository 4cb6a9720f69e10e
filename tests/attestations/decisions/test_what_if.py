"""What another policy would have decided: it says what is known, and never takes the unknown for good."""

from pathlib import Path

import pytest

from tests.attestations.decisions.makers import GATE, rules
from tests.attestations.gate_makers import (
    EVIL_PICKLE,
    KEY,
    NOW,
    SIGNER,
    STRANGER,
    make_model,
    make_signed,
    parse,
    pem,
    policy,
)
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.decisions.record import DecisionRecord
from weightmark.attestations.gate.decisions.what_if import reconsider, reconsider_ledger
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.summary import sign_summary
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.making.signing import add_claim
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.log import Ledger


def recorded(model: Path, rule: Policy) -> DecisionRecord:
    return DecisionRecord.of(gate(model, rule, now=NOW))


def test_the_same_policy_changes_nothing(tmp_path: Path) -> None:
    for model in (make_signed(tmp_path / "signed"), make_model(tmp_path / "unsigned")):
        record = recorded(model, policy())
        judgement, reasons = reconsider(record, policy())
        assert (judgement.verdict, reasons) == (record.verdict, ())


@pytest.mark.parametrize(
    ("new", "verdict", "said"),
    [
        (policy("", "[scan]\ndeny_formats = ['safetensors']"), Verdict.DENY, "formats"),
        (policy("digests = 'both'"), Verdict.UNCHECKED, "content"),
        (policy("", "[chain]\ncomplete = true"), Verdict.UNCHECKED, "not looked at"),
        (policy("", "[ledger]\nrequired = true"), Verdict.UNCHECKED, "ledger"),
        (
            policy("", f"[roles.t]\nkeys = {pem(STRANGER.public)}\n[require.test]\nrole = 't'"),
            Verdict.DENY,
            "test",
        ),
        (
            parse(
                f"version = 1\n[roles.release]\nkeys = {pem(STRANGER.public)}\n[require.release]"
            ),
            Verdict.DENY,
            "does not trust",
        ),
    ],
    ids=["formats", "digests", "chain", "ledger", "test", "signer"],
)
def test_a_stricter_policy_denies_and_says_why(
    tmp_path: Path, new: Policy, verdict: Verdict, said: str
) -> None:
    record = recorded(make_signed(tmp_path / "model"), policy())
    judgement, reasons = reconsider(record, new)
    assert judgement.verdict is verdict
    assert any(said in one for one in reasons), reasons


def test_a_looser_policy_says_what_no_longer_stands_in_the_way(tmp_path: Path) -> None:
    evil = make_model(tmp_path / "evil", **{"x.bin": EVIL_PICKLE})
    from weightmark.attestations.making.signing import SignOptions, sign_artifact

    sign_artifact(evil, SIGNER, SignOptions(scan=False))
    judgement, reasons = reconsider(
        recorded(evil, policy()), policy("", "[scan]\nrequired = false")
    )
    assert judgement.verdict is Verdict.ALLOW
    assert any("does not stand in the way" in one for one in reasons)


def test_a_signer_of_another_role_counts_where_the_new_policy_says_so(tmp_path: Path) -> None:
    def tested(key: str) -> Policy:
        return policy("", f"[roles.tester]\nkeys = {key}\n[require.test]\nrole = 'tester'")

    model = make_signed(tmp_path / "model")
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, {"result": "PASSED", "configuration": []})
    record = recorded(model, tested(pem(STRANGER.public)))
    assert record.verdict is Verdict.ALLOW
    assert reconsider(record, tested(pem(STRANGER.public, KEY.public)))[0].verdict is Verdict.ALLOW
    assert reconsider(record, tested(pem(KEY.public)))[0].verdict is Verdict.DENY


def test_trusting_more_signers_never_makes_an_unknown_one_good(tmp_path: Path) -> None:
    record = recorded(make_model(tmp_path / "unsigned"), policy())
    more = parse(
        f"version = 1\n[roles.release]\nkeys = {pem(KEY.public, STRANGER.public)}\n[require.release]"
    )
    assert reconsider(record, more)[0].verdict is not Verdict.ALLOW


def test_a_policy_that_judged_no_signatures_recorded_none(tmp_path: Path) -> None:
    scanned = parse("version = 1\n[scan]\nrequired = true")
    record = recorded(make_signed(tmp_path / "model"), scanned)
    assert record.verdict is Verdict.ALLOW
    assert reconsider(record, policy())[0].verdict is not Verdict.ALLOW


def test_every_decision_of_a_ledger_is_judged_again_in_its_own_environment(tmp_path: Path) -> None:
    prod = (
        "[environments.prod]\n[environments.prod.scan]\nallow_formats = ['safetensors', 'json']\n"
    )
    submitters = [Submitter.from_pem(one.public.pem) for one in (GATE, STRANGER)]
    signed, unsigned = make_signed(tmp_path / "signed"), make_model(tmp_path / "unsigned")
    with Ledger.create(tmp_path / "ledger", submitters=submitters) as ledger:
        for model in (signed, unsigned):
            for environment in ("", "prod"):
                rule = rules(end=prod, environment=environment)
                submit(ledger, [sign_summary(gate(model, rule, now=NOW), GATE)], GATE)
        strict = prod.replace("'safetensors', 'json'", "'gguf'")
        found = list(reconsider_ledger(ledger, lambda name: rules(end=strict, environment=name)))
    assert [one.changes for one in found] == [False, True, False, False]
    assert "formats" in found[1].reasons[0]


def test_a_decision_that_holds_too_little_is_unknown_and_hides_no_other(tmp_path: Path) -> None:
    from tests.attestations.decisions.makers import said

    model = make_signed(tmp_path / "model")
    decision = gate(model, rules(), now=NOW)
    submitters = [Submitter.from_pem(GATE.public.pem)]
    with Ledger.create(tmp_path / "ledger", submitters=submitters) as ledger:
        for bundle in (said(decision, weightmark_inputs=None), said(decision)):
            submit(ledger, [bundle], GATE)
        first, second = reconsider_ledger(ledger, lambda _: rules())
    assert first.judgement is None
    assert "does not hold" in first.reasons[0]
    assert second.judgement is not None
    assert not second.changes
