"""The gate and a real ledger: it is verified before it is believed."""

import contextlib
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attestations.gate_makers import (
    KEY,
    SIGNER,
    STRANGER,
    check,
    make_signed,
    preset,
    refused,
)
from weightmark.attestations.checks import Outcome
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.consult import _verified_signer
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.gate.summary import sign_summary
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.making.signing import sign_artifact
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.signers.interface import Signer
from weightmark.errors import CallError, MalformedError
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.event import Kind
from weightmark.provenance.ledger.log import Ledger


@pytest.fixture
def place(tmp_path: Path) -> Path:
    submitters = [Submitter.from_pem(one.public.pem) for one in (SIGNER, STRANGER)]
    Ledger.create(tmp_path / "ledger", origin="example.com/models", submitters=submitters).close()
    return tmp_path / "ledger"


def enter_claims(place: Path, model: Path, signer: Signer = SIGNER) -> None:
    lines = parse_claims((model / "model.claims").read_bytes())
    with Ledger.open(place) as ledger:
        submit(ledger, [line.bundle for line in lines if line.bundle], signer)


def consult(model: Path, place: Path | str, rules: Policy | None = None) -> Decision:
    return gate(model, rules or preset("baseline"), Sources(ledger=str(place)))


def test_a_release_in_the_ledger_is_found_and_the_operator_named(
    tmp_path: Path, place: Path
) -> None:
    model = make_signed(tmp_path / "model")
    enter_claims(place, model)
    decision = consult(model, place)
    assert decision.allows
    assert KEY.public.identity in check(decision, "ledger").summary
    assert check(decision, "witnesses").summary.startswith("unwitnessed")
    assert refused(consult(model, place, preset("strict"))) == {"witnesses"}


def test_a_release_that_is_not_in_the_ledger_is_said(tmp_path: Path, place: Path) -> None:
    decision = consult(make_signed(tmp_path / "model"), place)
    assert decision.allows
    assert check(decision, "ledger").outcome is Outcome.INFO


def test_a_release_entered_by_a_stranger_is_no_release(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    copy = tmp_path / "copy"
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns("model.sig", "model.claims"))
    sign_artifact(copy, STRANGER)
    enter_claims(place, copy, STRANGER)
    decision = consult(model, place)
    assert check(decision, "ledger").outcome is Outcome.INFO
    assert decision.evidence.ledger is not None
    assert {one.signer for one in decision.evidence.ledger.records} == {""}


def test_a_rolled_back_ledger_is_refused(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    shutil.copytree(place, tmp_path / "old")
    enter_claims(place, model)
    assert consult(model, place).allows
    shutil.rmtree(place)
    (tmp_path / "old").rename(place)
    decision = consult(model, place)
    assert decision.verdict is Verdict.DENY
    assert refused(decision) == {"ledger"}


def test_a_recorded_claim_that_was_exchanged_is_refused(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    enter_claims(place, model)
    for blob in (place / "claims").iterdir():
        blob.write_bytes(b"{}")
    assert consult(model, place).verdict is Verdict.DENY


def test_a_recorded_claim_that_is_missing_is_unchecked(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    enter_claims(place, model)
    with Ledger.open(place) as ledger:
        (entry,) = ledger.find(kind=Kind.RELEASE)
    (place / "claims" / entry.event.claim_sha256).unlink()
    assert consult(model, place).verdict is Verdict.UNCHECKED


def test_an_entry_that_lies_about_its_claim_is_refused(tmp_path: Path, place: Path) -> None:
    """The operator writes the subject of another artifact into the leaf."""
    model = make_signed(tmp_path / "model")
    enter_claims(place, model)
    with Ledger.open(place) as ledger:
        (entry,) = ledger.find(kind=Kind.RELEASE)
        claim = ledger.claim(entry.index)
    trust = preset("baseline").trust
    assert trust is not None
    assert _verified_signer(claim, entry.event, trust) == KEY.public.identity
    other = "b" * 64
    for lie in (
        replace(entry.event, subject=f"wm1:{other}"),
        replace(entry.event, claim_id=other),
    ):
        with pytest.raises(MalformedError):
            _verified_signer(claim, lie, trust)


def test_an_index_that_hides_entries_hides_nothing(tmp_path: Path, place: Path) -> None:
    model = make_signed(tmp_path / "model")
    enter_claims(place, model)
    with contextlib.closing(sqlite3.connect(place / "ledger.db")) as database:
        database.execute("delete from search where idx > 0")
        database.commit()
    decision = consult(model, place)
    assert check(decision, "ledger").outcome is Outcome.PASS


def test_a_ledger_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(CallError):
        consult(make_signed(tmp_path / "model"), tmp_path / "none")


def test_a_ledger_at_a_url_is_not_supported_and_so_unchecked(tmp_path: Path) -> None:
    decision = consult(make_signed(tmp_path / "model"), "https://ledger.example.com")
    assert decision.verdict is Verdict.UNCHECKED


def test_decisions_enter_the_ledger_as_decisions(tmp_path: Path, place: Path) -> None:
    decision = consult(make_signed(tmp_path / "model"), place)
    with Ledger.open(place) as ledger:
        (receipt,) = submit(ledger, [sign_summary(decision, SIGNER)], SIGNER)
    assert receipt.event.kind is Kind.DECISION
    assert receipt.event.subject == decision.evidence.identity
