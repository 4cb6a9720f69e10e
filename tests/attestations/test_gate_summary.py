"""The decision as a signed verification summary."""

import json
from pathlib import Path

import pytest

from tests.attestations.gate_makers import (
    KEY,
    NOW,
    SIGNER,
    STRANGER,
    make_model,
    make_signed,
    preset,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.summary import sign_summary, summarize
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.errors import MalformedError, NothingCheckedError


def read(bundle: Bundle) -> tuple[Statement, VerificationSummary]:
    verified = Trust.in_keys([KEY.public]).verify(Bundle.parse(bundle.to_bytes()))
    return verified.statement, VerificationSummary.from_statement(verified.statement)


def test_an_allowed_model_gets_a_summary_that_passed(tmp_path: Path) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset("baseline"), now=NOW)
    statement, summary = read(sign_summary(decision, SIGNER))
    assert statement.predicate_type == VSA_PREDICATE
    assert statement.subject.identity == decision.evidence.identity
    assert statement.predicate["verificationResult"] == "PASSED"
    assert statement.predicate["timeVerified"] == "2026-11-21T12:00:00Z"
    assert statement.predicate["policy"]["digest"]["sha256"] == decision.policy.sha256
    assert {"WEIGHTMARK_SIGNED", "WEIGHTMARK_SCANNED"} <= set(summary.levels)
    assert summary.inputs == decision.evidence.claims
    assert len(summary.inputs) == 4
    assert summary == summarize(decision)


def test_a_denial_gets_a_summary_that_failed_and_says_why(tmp_path: Path) -> None:
    decision = gate(make_model(tmp_path / "model"), preset("baseline"))
    statement, summary = read(sign_summary(decision, SIGNER))
    assert not summary.passed
    assert summary.levels == ("FAILED",)
    failed = [
        check["name"]
        for check in statement.predicate["weightmark_decision"]["checks"]
        if check["outcome"] == "fail"
    ]
    assert failed == ["signature"]


def test_what_warn_mode_lets_through_has_failed(tmp_path: Path) -> None:
    decision = gate(make_model(tmp_path / "model"), preset("audit"))
    statement, summary = read(sign_summary(decision, SIGNER))
    assert not summary.passed
    assert statement.predicate["weightmark_decision"]["decision"] == "would deny"


def test_no_summary_is_made_for_an_artifact_that_could_not_be_identified(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    (model / "leak").symlink_to("/etc/hostname")
    decision = gate(model, preset("audit"))
    with pytest.raises(NothingCheckedError):
        sign_summary(decision, SIGNER)


def test_a_summary_says_nothing_about_this_machine(tmp_path: Path) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset("strict"))
    bundle = sign_summary(decision, SIGNER)
    assert str(tmp_path) not in bundle.envelope.payload.decode()


def test_the_resource_is_named_by_the_caller_or_by_the_identity(tmp_path: Path) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset("strict"))
    assert summarize(decision).resource == decision.evidence.identity
    assert summarize(decision, resource="https://example.com/m").resource == "https://example.com/m"


def test_the_gate_signs_with_its_own_key(tmp_path: Path) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset("strict"))
    bundle = sign_summary(decision, STRANGER)
    Trust.in_keys([STRANGER.public]).verify(bundle)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verificationResult", "passed"),
        ("verificationResult", None),
        ("verifier", {}),
        ("verifier", "me"),
        ("timeVerified", "yesterday"),
        ("policy", {"uri": "x", "digest": {"sha1": "0" * 40}}),
        ("policy", {"uri": "x", "digest": {"sha256": "0" * 63}}),
        ("inputAttestations", [{"digest": {}}]),
        ("inputAttestations", "all"),
        ("verifiedLevels", ["FAILED", 1]),
        ("resourceUri", ""),
    ],
)
def test_a_summary_with_a_wrong_field_is_refused(tmp_path: Path, field: str, value: object) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset("baseline"))
    predicate = {**summarize(decision).to_predicate(), field: value}
    payload = Statement.about_manifest(
        "m", decision.evidence.identity, VSA_PREDICATE, predicate, {}
    )
    statement = Statement.parse("application/vnd.in-toto+json", payload)
    with pytest.raises(MalformedError):
        VerificationSummary.from_statement(statement)


def test_unknown_fields_of_a_summary_are_kept(tmp_path: Path) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset("baseline"))
    predicate = {**summarize(decision).to_predicate(), "acme_ticket": {"id": "7"}}
    payload = Statement.about_manifest(
        "m", decision.evidence.identity, VSA_PREDICATE, predicate, {}
    )
    statement = Statement.parse("application/vnd.in-toto+json", payload)
    kept = VerificationSummary.from_statement(statement).to_predicate()
    assert json.dumps(kept, sort_keys=True) == json.dumps(predicate, sort_keys=True)
