"""An earlier decision answers only for what it decided: each test is a way to make it answer for more."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.decisions.makers import (
    AGES,
    GATE,
    OTHER_GATE,
    Cheat,
    answer,
    bare_copy,
    decided,
    rules,
    said,
    stamp,
    stamped,
    state,
    store,
)
from tests.attestations.gate_makers import (
    KEY,
    NOW,
    SIGNER,
    STRANGER,
    check,
    make_signed,
    parse,
    pem,
    refused,
)
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.evidence import Known
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.gate.summary import sign_summary, summarize
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.roles import Role
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import CallError
from weightmark.provenance.reading.receipts import Receipts

DAY = timedelta(days=1)


def why(decision: Decision) -> str:
    found = check(decision, "earlier decision")
    assert found.outcome is Outcome.INFO
    return " ".join([found.summary, *found.details])


def test_a_decision_of_the_gate_answers_for_the_same_content(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    assert first.allows
    assert refused(answer(tmp_path, model, policy)) == {"signature"}
    second = answer(tmp_path, model, policy, said(first), at=NOW + DAY)
    assert second.allows
    assert second.evidence.answer is not None
    assert second.evidence.answer.signer == GATE.identity
    assert second.evidence.verified is None
    assert "2026-11-21T12:00:00Z" in check(second, "earlier decision").summary


def test_without_a_rule_in_the_policy_no_decision_answers(tmp_path: Path) -> None:
    model, first = decided(tmp_path, rules())
    plain = replace(rules(), vsa=None)
    assert not answer(tmp_path, model, plain, said(first)).allows


def test_a_gate_that_is_not_asked_for_earlier_decisions_looks_at_everything(tmp_path: Path) -> None:
    model, first = decided(tmp_path, rules())
    sources = store(tmp_path / "s", said(first))
    assert not gate(bare_copy(model), rules(), sources, now=NOW).allows


CHEATS: dict[str, tuple[Cheat, str]] = {
    "self-issued by the signer of the model": (lambda d: said(d, SIGNER), "another key"),
    "by a stranger": (lambda d: said(d, STRANGER), "another key"),
    "for another policy": (
        lambda d: said(d, policy={"uri": d.policy.uri, "digest": {"sha256": "0" * 64}}),
        "another policy",
    ),
    "for another environment": (
        lambda d: said(
            d, policy={"uri": f"{d.policy.uri}#prod", "digest": {"sha256": d.policy.sha256}}
        ),
        "another environment",
    ),
    "that failed": (
        lambda d: said(d, verificationResult="FAILED", verifiedLevels=["FAILED"]),
        "does not allow it",
    ),
    "about another identity": (lambda d: said(d, identity="wm1:" + "b" * 64), ""),
    "as another verifier": (lambda d: said(d, verifier={"id": "https://evil"}), "no verifier here"),
    "that holds nothing": (lambda d: said(d, weightmark_inputs=None), "does not hold"),
    "from the future": (lambda d: said(d, timeVerified="2027-11-21T12:00:00Z"), "yet to come"),
    "too old": (lambda d: said(d, timeVerified="2026-11-14T11:59:59Z"), "allows 7d"),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_no_other_decision_answers(tmp_path: Path, cheat: str) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    make, reason = CHEATS[cheat]
    decision = answer(tmp_path, model, policy, make(first))
    assert "signature" in refused(decision)
    assert decision.evidence.answer is None
    assert reason in why(decision)


def test_the_verifier_can_be_another_that_the_policy_names(tmp_path: Path) -> None:
    policy = rules(f"{AGES}\nverifiers = ['https://acme.example/verifier']")
    model, first = decided(tmp_path, policy)
    assert not answer(tmp_path, model, policy, said(first)).allows
    foreign = said(
        first,
        verifier={"id": "https://acme.example/verifier"},
        weightmark_inputs=None,
        weightmark_decision=None,
    )
    decision = answer(tmp_path, model, policy, foreign)
    assert decision.allows
    assert {one.name for one in decision.checks} >= {"identity", "earlier decision", "outside"}


def test_whoever_may_release_decides_about_nothing_even_in_the_role(tmp_path: Path) -> None:
    policy = rules()
    both = replace(policy.role("gate"), keys=(GATE.public, KEY.public))
    policy = replace(policy, roles={**policy.roles, "gate": both})
    model, first = decided(tmp_path, policy)
    assert "release itself" in why(answer(tmp_path, model, policy, said(first, SIGNER)))


def test_a_decision_does_not_outlive_what_it_rests_on(tmp_path: Path) -> None:
    ends = rules(end="", top="expires = 2026-11-22T12:00:00Z")
    model, first = decided(tmp_path, ends)
    assert answer(tmp_path, model, ends, said(first), at=NOW + timedelta(hours=23)).allows
    late = answer(tmp_path, model, ends, said(first), at=NOW + DAY)
    assert late.verdict is not Verdict.ALLOW
    assert "does not hold any more" in why(late)


def test_an_approval_that_ends_takes_the_answer_with_it(tmp_path: Path) -> None:
    keys = f"[roles.release]\nkeys = {pem(KEY.public)}\n[roles.gate]\nkeys = {pem(GATE.public)}\n"
    policy = parse(
        f"version = 1\n{keys}[require.release]\napprovals = true\n[vsa]\nrole = 'gate'\n{AGES}\n"
    )
    model = bare_copy(make_signed(tmp_path / "model"))
    from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE

    ends: dict[str, object] = {"reason": "looked at it", "expires": "2026-11-22T00:00:00Z"}
    add_claim(model, SIGNER, APPROVAL_PREDICATE, ends)
    first = gate(model, policy, now=NOW)
    assert first.allows
    assert answer(tmp_path, model, policy, said(first), at=NOW + timedelta(hours=11)).allows
    assert not answer(tmp_path, model, policy, said(first), at=NOW + timedelta(hours=13)).allows


def test_an_exception_that_ends_takes_the_answer_of_another_verifier(tmp_path: Path) -> None:
    vsa = f"{AGES}\nverifiers = ['https://acme.example/verifier']"
    identity = decided(tmp_path, rules(vsa))[1].evidence.identity
    excepting = rules(
        vsa,
        f"[[exceptions]]\nrule = 'outside'\nartifact = '{identity}'\nreason = 'r'\napprover = 'a'\n"
        "expires = 2026-11-22T00:00:00Z",
    )
    model = tmp_path / "model"
    summary = said(
        gate(model, excepting, now=NOW),
        verifier={"id": "https://acme.example/verifier"},
        weightmark_inputs=None,
        weightmark_decision=None,
    )
    assert answer(tmp_path, model, excepting, summary).allows
    assert not answer(tmp_path, model, excepting, summary, at=NOW + DAY).allows


def test_a_denial_takes_the_answer_from_an_older_decision_whatever_the_order(
    tmp_path: Path,
) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    denial = said(
        first,
        verificationResult="FAILED",
        verifiedLevels=["FAILED"],
        timeVerified="2026-11-21T13:00:00Z",
    )
    later = NOW + timedelta(hours=2)
    for order in ((said(first), denial), (denial, said(first))):
        assert "does not allow it" in why(answer(tmp_path, model, policy, *order, at=later))
    lifted = sign_summary(gate(model, policy, now=later), GATE)
    assert answer(tmp_path, model, policy, said(first), denial, lifted, at=later).allows


def test_the_role_of_the_time_had_other_members(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    same_text = replace(policy.role("release"), keys=(KEY.public, STRANGER.public))
    changed = replace(policy, roles={**policy.roles, "release": same_text})
    assert "other members" in why(answer(tmp_path, model, changed, said(first)))


def test_what_was_stated_since_is_looked_at(tmp_path: Path) -> None:
    keys = f"[roles.tester]\nkeys = {pem(STRANGER.public)}\n[require.test]\nrole = 'tester'\n"
    policy = rules(end=keys)
    model = make_signed(tmp_path / "model")
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, {"result": "PASSED", "configuration": []})
    first = gate(model, policy, now=NOW)
    assert first.allows
    sources = store(tmp_path / "s", said(first))
    again = gate(model, policy, sources, now=NOW, earlier=True)
    assert again.evidence.answer is not None
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, {"result": "FAILED", "configuration": []})
    decision = gate(model, policy, sources, now=NOW, earlier=True)
    assert refused(decision) == {"test"}
    assert "added since" in why(decision)


def test_a_claim_by_a_stranger_keeps_no_decision_from_answering(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, {"result": "FAILED", "configuration": []})
    decision = gate(model, policy, store(tmp_path / "s", said(first)), now=NOW, earlier=True)
    assert decision.allows
    assert decision.evidence.answer is not None


def test_what_was_put_beside_the_content_since_is_refused(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    sources = store(tmp_path / "s", said(first))
    (model / ".git").mkdir()
    (model / ".git" / "config").write_bytes(b"[core]\n")
    assert "outside" in refused(gate(model, policy, sources, now=NOW, earlier=True))


def test_a_reserved_name_that_holds_something_else_since_is_refused(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    (model / "model.receipt").write_bytes(b"payload")
    decision = gate(model, policy, store(tmp_path / "s", said(first)), now=NOW, earlier=True)
    assert "sidecars" in refused(decision)


@pytest.mark.parametrize("name", ["config.json", "new.bin"])
def test_content_that_changed_is_looked_at_again(tmp_path: Path, name: str) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    (model / name).write_bytes(b"[]")
    decision = gate(model, policy, store(tmp_path / "s", said(first)), now=NOW, earlier=True)
    assert not decision.allows
    assert decision.evidence.answer is None


def test_when_it_was_decided_counts_by_a_verified_clock(tmp_path: Path) -> None:
    policy = stamped(rules("max_age = '7d'"))
    model, first = decided(tmp_path, policy)
    undated = answer(tmp_path, model, policy, said(first))
    assert "--tsa-url" in why(undated)
    dated = stamp(said(first), NOW)
    assert answer(tmp_path, model, policy, dated, at=NOW + 7 * DAY).allows
    assert "allows 7d" in why(answer(tmp_path, model, policy, dated, at=NOW + 8 * DAY))


def test_a_late_timestamp_makes_an_old_decision_no_younger(tmp_path: Path) -> None:
    policy = stamped(rules("max_age = '7d'"))
    model, first = decided(tmp_path, policy)
    late = stamp(said(first), NOW + 6 * DAY)
    assert "allows 7d" in why(answer(tmp_path, model, policy, late, at=NOW + 8 * DAY))


def test_a_decision_that_claims_to_be_younger_than_its_timestamp_does_not_answer(
    tmp_path: Path,
) -> None:
    policy = stamped(rules("max_age = '7d'"))
    model, first = decided(tmp_path, policy)
    lying = stamp(said(first, timeVerified="2026-11-27T12:00:00Z"), NOW)
    assert "yet to come" in why(answer(tmp_path, model, policy, lying, at=NOW + 6 * DAY))


def test_a_decision_that_was_answered_cannot_be_renewed_for_ever(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    second = answer(tmp_path, model, policy, said(first), at=NOW + 6 * DAY)
    assert second.allows
    assert summarize(second).time == NOW
    renewed = said(second)
    assert answer(tmp_path, model, policy, renewed, at=NOW + 7 * DAY).allows
    assert not answer(tmp_path, model, policy, renewed, at=NOW + 8 * DAY).allows


def test_a_summary_that_holds_another_decision_than_it_says_does_not_answer(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    other = gate(make_signed(tmp_path / "other", extra=b"{}"), policy, now=NOW)
    held = summarize(other).extensions["weightmark_inputs"]
    mixed = said(first, weightmark_inputs=held)
    assert "says something else" in why(answer(tmp_path, model, policy, mixed))


def test_edited_inputs_within_a_summary_are_noticed(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    held: dict[str, Any] = summarize(first).extensions["weightmark_inputs"]
    evidence = {**held["inputs"]["evidence"], "size": 1}
    edited = {**held, "inputs": {**held["inputs"], "evidence": evidence}}
    assert "edited" in why(answer(tmp_path, model, policy, said(first, weightmark_inputs=edited)))


def test_a_signature_that_is_not_good_does_not_answer(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    good = said(first)
    forged = replace(good, content=replace(good.envelope, signature=bytes(64)))
    assert not answer(tmp_path, model, policy, forged).allows


def test_a_decision_by_another_gate_does_not_answer(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    assert not answer(tmp_path, model, policy, said(first, OTHER_GATE)).allows


def test_for_an_identity_a_decision_answers_and_says_that_nothing_was_read(tmp_path: Path) -> None:
    policy = rules()
    _, first = decided(tmp_path, policy)
    sources = store(tmp_path / "s", said(first))
    decision = gate(first.evidence.identity, policy, sources, now=NOW)
    assert decision.allows
    assert decision.evidence.known is Known.ASKED
    assert "content not read here" in check(decision, "identity").summary
    assert check(decision, "outside").outcome is Outcome.INFO


@pytest.mark.parametrize("kept", [(), ("stranger",)])
def test_for_an_identity_nobody_decided_about_nothing_could_be_checked(
    tmp_path: Path, kept: tuple[str, ...]
) -> None:
    policy = rules()
    _, first = decided(tmp_path, policy)
    bundles = [said(first, STRANGER) for _ in kept]
    decision = gate(
        first.evidence.identity, policy, store(tmp_path / "s", *bundles), now=NOW, earlier=True
    )
    assert decision.verdict is Verdict.UNCHECKED
    assert decision.exit == 4
    assert check(decision, "reading").code == "not-read"


def test_for_an_identity_without_a_rule_nothing_could_be_checked(tmp_path: Path) -> None:
    _, first = decided(tmp_path, rules())
    plain = replace(rules(), vsa=None)
    sources = store(tmp_path / "s", said(first))
    decision = gate(first.evidence.identity, plain, sources, now=NOW)
    assert decision.verdict is Verdict.UNCHECKED
    assert "take decisions by `[vsa]`" in check(decision, "reading").fix


def test_for_an_identity_that_another_policy_decided_about_the_reason_is_told(
    tmp_path: Path,
) -> None:
    _, first = decided(tmp_path, rules())
    other = rules(top="name = 'another'")
    sources = store(tmp_path / "s", said(first))
    told = check(gate(first.evidence.identity, other, sources, now=NOW), "reading")
    assert "decided by another policy, sha256:" in told.why
    assert "`[vsa]` in the policy" not in told.fix, "it has that"
    assert "--vsa" in told.fix


@pytest.mark.needs("settled_times")
def test_what_receipts_remember_is_not_read_again_and_said(tmp_path: Path) -> None:
    policy = rules(top="trust_receipts = true")
    model, first = decided(tmp_path, policy, large=bytes(2**21))
    sources = store(tmp_path / "s", said(first))

    def ask(rule: Policy = policy) -> Decision:
        receipts = Receipts.open(tmp_path / "cache" / "r.db", now=lambda: time.time_ns() + 10**10)
        assert receipts is not None
        try:
            decision = gate(model, rule, sources, now=NOW, receipts=receipts, earlier=True)
            receipts.save()
        finally:
            receipts.close()
        return decision

    assert ask().evidence.known is Known.READ
    again = ask()
    assert again.allows
    assert again.evidence.known is Known.REMEMBERED
    assert "receipts allow" in check(again, "earlier decision").summary
    assert ask(replace(policy, trust_receipts=False)).evidence.known is Known.READ


def test_many_threads_ask_at_once(tmp_path: Path) -> None:
    policy = rules()
    _, first = decided(tmp_path, policy)
    sources = store(tmp_path / "s", said(first))
    answers: list[bool] = []

    def ask() -> None:
        identity = first.evidence.identity
        answers.extend(gate(identity, policy, sources, now=NOW).allows for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 40


def test_a_summary_about_two_artifacts_answers_for_neither(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    statement = said(first).envelope.payload.replace(
        b'"subject":[', b'"subject":[{"digest":{"sha256":"' + b"a" * 64 + b'"}},'
    )
    bundle = GATE.sign_statement(statement)
    assert "something else than one artifact" in why(answer(tmp_path, model, policy, bundle))


def test_nothing_of_a_summary_is_believed_that_is_no_summary(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    empty = state(first.evidence.identity, {"verifier": "https://slsa.dev"}, GATE)
    assert "can't be read" in why(answer(tmp_path, model, policy, empty))
    assert not Sources().claims


def test_a_link_to_the_same_content_is_looked_at(tmp_path: Path) -> None:
    policy = rules()
    model = make_signed(tmp_path / "model")
    (model / "copy.json").write_bytes(b"{}")
    (model / "model.sig").unlink()
    (model / "model.claims").unlink()
    sign_artifact(model, SIGNER, SignOptions())
    first = gate(model, policy, now=NOW)
    assert first.allows
    sources = store(tmp_path / "s", said(first))
    (model / "copy.json").unlink()
    (model / "copy.json").symlink_to("config.json")
    decision = gate(model, policy, sources, now=NOW, earlier=True)
    assert decision.evidence.identity == first.evidence.identity
    assert decision.evidence.answer is None
    assert "links" in why(decision)


@pytest.mark.parametrize("role", ["gate", "release"])
@pytest.mark.parametrize(
    "validity",
    [Validity(revoked=NOW - DAY), Validity(not_after=NOW - DAY)],
    ids=["revoked", "past its time"],
)
def test_a_member_that_ended_in_the_trust_file_takes_the_answer(
    tmp_path: Path, role: str, validity: Validity
) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    key = {"gate": GATE, "release": SIGNER}[role].public
    ended = Role(role, anchors=(KeyAnchor(key, validity),))
    changed = replace(policy, roles={**policy.roles, role: ended})
    decision = answer(tmp_path, model, changed, said(first))
    assert not decision.allows
    assert decision.evidence.answer is None


def test_a_store_that_cannot_be_read_answers_for_no_identity(tmp_path: Path) -> None:
    policy = rules()
    _, first = decided(tmp_path, policy)
    identity = first.evidence.identity
    (tmp_path / "s").write_bytes(b"{" * 1000)
    decision = gate(identity, policy, Sources(claims=(tmp_path / "s",)), now=NOW)
    assert decision.verdict is Verdict.UNCHECKED
    with pytest.raises(CallError):
        gate(identity, policy, Sources(claims=(tmp_path / "missing",)), now=NOW)


def test_decisions_in_a_folder_of_claims_answer(tmp_path: Path) -> None:
    policy = rules()
    _, first = decided(tmp_path, policy)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.json").write_bytes(said(first, STRANGER).to_bytes())
    (tmp_path / "kept" / "b.json").write_bytes(said(first).to_bytes())
    sources = Sources(claims=(tmp_path / "kept",))
    assert gate(first.evidence.identity, policy, sources, now=NOW).allows


def test_a_flood_of_decisions_hides_no_denial(tmp_path: Path) -> None:
    policy = rules()
    model, first = decided(tmp_path, policy)
    denial = said(first, verificationResult="FAILED", verifiedLevels=["FAILED"])
    strange = [said(first, STRANGER, resourceUri=f"x:{number}") for number in range(150)]
    flooded = answer(tmp_path, model, policy, denial, said(first), *strange)
    assert not flooded.allows
    assert answer(tmp_path, model, policy, said(first), *strange).allows
    more = [said(first, STRANGER)] * 1001
    drowned = answer(tmp_path, model, policy, denial, *more, said(first))
    assert "over 1000 earlier decisions" in why(drowned)
