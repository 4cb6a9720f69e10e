"""A ledger that hides a claim, and grounds of an earlier decision that nobody would look at: named ways to an answer."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.chain.chains import TYPES
from tests.attestations.decisions.makers import AGES, GATE, rules, said, store
from tests.attestations.decisions.test_outlived_decisions import (
    BUILDER,
    TESTED,
    TESTER,
    VOUCHER,
    Register,
    lines,
    result,
)
from tests.attestations.gate_makers import (
    KEY,
    NOW,
    check,
    make_model,
    make_signed,
    parse,
    pem,
    refused,
)
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.decisions.replay import INPUTS
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.gate.summary import summarize
from weightmark.attestations.making.signing import add_claim
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.provenance.identification import identify
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.event import format_time
from weightmark.provenance.ledger.log import Ledger

BUILT = rules(
    end=f"[roles.builder]\nkeys = {pem(BUILDER.public)}\n[require.provenance]\nrole = 'builder'\n"
)


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "ledger")


def failing_test_in(register: Register, tmp_path: Path) -> tuple[Path, int]:
    """A model with a good test beside it and a later bad one in the ledger; returns it and the entry."""
    model = make_signed(tmp_path / "model")
    add_claim(model, TESTER, TEST_RESULT_PREDICATE, result("PASSED"))
    failing = make_signed(tmp_path / "elsewhere")
    add_claim(failing, TESTER, TEST_RESULT_PREDICATE, result("FAILED"))
    register.enter(TESTER, lines(failing / "model.claims")[-1])
    assert refused(gate(model, TESTED, register.beside(Sources()), now=NOW)) == {"test"}
    return model, 1


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_bad_claim_whose_bytes_the_ledger_lost_is_not_overlooked(
    tmp_path: Path, register: Register, how: str
) -> None:
    model, entry = failing_test_in(register, tmp_path)
    with Ledger.open(register.place) as ledger:
        blob = register.place / "claims" / ledger.entry(entry).event.claim_sha256
    if how == "missing":
        blob.unlink()
    else:
        blob.write_bytes(b"{}")
    decision = gate(model, TESTED, register.beside(Sources()), now=NOW)
    assert decision.verdict is not Verdict.ALLOW
    assert check(decision, "chain").outcome in (Outcome.UNCHECKED, Outcome.FAIL)


def test_a_bad_claim_that_the_search_table_forgot_is_found(
    tmp_path: Path, register: Register
) -> None:
    model, entry = failing_test_in(register, tmp_path)
    with sqlite3.connect(register.place / "ledger.db") as database:
        assert database.execute("delete from search where idx = ?", (entry,)).rowcount == 1
    assert refused(gate(model, TESTED, register.beside(Sources()), now=NOW)) == {"test"}


def made_from(model: Path, base: str) -> None:
    """Let the builder state that the model was tuned from `base`."""
    add_claim(
        model,
        BUILDER,
        SLSA_PROVENANCE_PREDICATE,
        {
            "buildDefinition": {
                "buildType": f"{TYPES}/finetune/v1",
                "externalParameters": {},
                "resolvedDependencies": [
                    {
                        "name": "base",
                        "mediaType": "application/vnd.weightmark.manifest.v1",
                        "digest": {"sha256": base.removeprefix("wm1:")},
                    }
                ],
            },
            "runDetails": {"builder": {"id": "https://builder.example.com"}},
        },
    )


def test_a_base_that_only_the_builder_names_is_looked_up_in_the_ledger(
    tmp_path: Path, register: Register
) -> None:
    base = identify(make_model(tmp_path / "base", other=b"x")).identity
    model = make_signed(tmp_path / "model")
    made_from(model, base)
    sources = register.beside(Sources())
    assert gate(model, BUILT, sources, now=NOW).allows
    register.revoke(base)
    assert refused(gate(model, BUILT, sources, now=NOW)) == {"revocation"}


def test_a_base_that_was_revoked_since_takes_the_answer_without_a_chain(
    tmp_path: Path, register: Register
) -> None:
    base = identify(make_model(tmp_path / "base", other=b"x")).identity
    model = make_signed(tmp_path / "model")
    made_from(model, base)
    first = gate(model, BUILT, register.beside(Sources()), now=NOW)
    assert first.allows
    sources = register.beside(store(tmp_path / "s", said(first)))
    assert gate(model, BUILT, sources, now=NOW, earlier=True).evidence.answer is not None
    register.revoke(base)
    decision = gate(model, BUILT, sources, now=NOW, earlier=True)
    assert decision.evidence.answer is None
    assert refused(decision) == {"revocation"}
    asked = gate(first.evidence.identity, BUILT, sources, now=NOW)
    assert asked.verdict is Verdict.UNCHECKED


def test_an_approval_of_the_base_that_has_ended_takes_the_answer(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base", other=b"x")
    model = make_signed(tmp_path / "model")
    made_from(model, identify(base).identity)
    end = format_time(NOW + timedelta(days=2))
    reason: dict[str, object] = {"reason": "reviewed", "expires": end}
    add_claim(base, VOUCHER, APPROVAL_PREDICATE, reason)
    vouched = lines(base / "model.claims")[-1]
    policy = parse(
        f"version = 1\n[roles.release]\nkeys = {pem(KEY.public)}\n[roles.builder]\nkeys = {pem(BUILDER.public)}\n"
        f"[roles.base]\nkeys = {pem(VOUCHER.public)}\n[roles.gate]\nkeys = {pem(GATE.public)}\n[require.release]\n"
        "[require.provenance]\nrole = 'builder'\n[chain]\nvouchers = 'base'\n"
        f"[vsa]\nrole = 'gate'\n{AGES}\n"
    )
    first = gate(model, policy, store(tmp_path / "a", vouched), now=NOW)
    assert first.allows, first.checks
    sources = store(tmp_path / "s", said(first), vouched)
    soon, late = NOW + timedelta(days=1), NOW + timedelta(days=3)
    assert gate(model, policy, sources, now=soon, earlier=True).evidence.answer is not None
    decision = gate(model, policy, sources, now=late, earlier=True)
    assert decision.evidence.answer is None
    assert not decision.allows


def test_a_bad_claim_that_names_the_type_of_decisions_is_no_decision(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    add_claim(model, TESTER, TEST_RESULT_PREDICATE, result("PASSED"))
    first = gate(model, TESTED, now=NOW)
    assert first.allows
    sources = store(tmp_path / "s", said(first))
    assert gate(model, TESTED, sources, now=NOW, earlier=True).evidence.answer is not None
    bad = {**result("FAILED"), "url": VSA_PREDICATE}
    add_claim(model, TESTER, TEST_RESULT_PREDICATE, bad)
    decision = gate(model, TESTED, sources, now=NOW, earlier=True)
    assert decision.evidence.answer is None
    assert refused(decision) == {"test"}


def test_a_statement_that_somebody_else_signs_as_well_is_a_new_claim(tmp_path: Path) -> None:
    """The builder's word on tests counts for nothing; the tester signs the very same words later."""
    policy = rules(
        end=f"[roles.tester]\nkeys = {pem(TESTER.public)}\n[roles.builder]\nkeys = {pem(BUILDER.public)}\n"
        "[require.test]\nrole = 'tester'\n[require.provenance]\nrole = 'builder'\n"
    )
    model = make_signed(tmp_path / "model")
    made_from(model, identify(make_model(tmp_path / "base", other=b"x")).identity)
    add_claim(model, TESTER, TEST_RESULT_PREDICATE, result("PASSED"))
    add_claim(model, BUILDER, TEST_RESULT_PREDICATE, result("FAILED"))
    first = gate(model, policy, now=NOW)
    assert first.allows, first.checks
    sources = store(tmp_path / "s", said(first))
    assert gate(model, policy, sources, now=NOW, earlier=True).evidence.answer is not None
    add_claim(model, TESTER, TEST_RESULT_PREDICATE, result("FAILED"))
    decision = gate(model, policy, sources, now=NOW, earlier=True)
    assert decision.evidence.answer is None
    assert refused(decision) == {"test"}


def test_an_erased_claim_is_missed_until_its_signer_says_more(
    tmp_path: Path, register: Register
) -> None:
    """Erasing is for personal data: whoever erases cannot turn a denial into an allowance by it."""
    model, entry = failing_test_in(register, tmp_path)
    sources = register.beside(Sources())
    with Ledger.open(register.place) as ledger:
        redact(ledger, f"sha256:{ledger.entry(entry).event.claim_sha256}", "names a person")
    decision = gate(model, TESTED, sources, now=NOW)
    assert decision.verdict is Verdict.UNCHECKED
    other = make_signed(tmp_path / "another")
    add_claim(other, TESTER, TEST_RESULT_PREDICATE, {**result("PASSED"), "passedTests": ["bias"]})
    register.enter(TESTER, lines(other / "model.claims")[-1])
    assert gate(model, TESTED, sources, now=NOW).allows


def test_a_decision_of_another_version_answers_no_more(tmp_path: Path) -> None:
    """What it scanned for is not what is scanned for now."""
    model = make_signed(tmp_path / "model")
    policy = rules()
    first = gate(model, policy, now=NOW)
    document = summarize(first).to_predicate()[INPUTS]
    changes: dict[str, Any] = {INPUTS: {**document, "tool": "weightmark 0.0.1"}}
    older = said(first, **changes)
    changes = {INPUTS: document}
    same = said(first, **changes)
    for bundle, answers in ((same, True), (older, False)):
        sources = store(tmp_path / "s", bundle)
        decision = gate(model, policy, sources, now=NOW, earlier=True)
        assert decision.allows
        assert (decision.evidence.answer is not None) == answers
