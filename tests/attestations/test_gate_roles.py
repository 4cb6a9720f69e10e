"""Roles over whole artifacts: several signers, claims of several roles, formats and code, and the ledger."""

from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import (
    EVIL_PICKLE,
    KEY,
    SIGNER,
    STRANGER,
    check,
    make_model,
    make_signed,
    parse,
    pem,
    policy,
    refused,
)
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.log import Ledger

PASSED: dict[str, Any] = {"result": "PASSED", "configuration": []}


def both(threshold: int = 2, end: str = "") -> Policy:
    keys = pem(KEY.public, STRANGER.public)
    return parse(
        f"version = 1\n[roles.release]\nthreshold = {threshold}\nkeys = {keys}\n[require.release]\n{end}"
    )


def two_roles(end: str = "") -> Policy:
    return policy(
        "", f"[roles.tester]\nkeys = {pem(STRANGER.public)}\n[require.test]\nrole = 'tester'\n{end}"
    )


def test_two_signers_have_to_sign_the_very_same_files(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    alone = gate(model, both())
    assert refused(alone) == {"signature"}
    assert "1 of 2" in check(alone, "signature").summary
    sign_artifact(model, STRANGER, SignOptions(add=True))
    assert gate(model, both()).allows
    (model / "config.json").write_bytes(b"[]")
    assert not gate(model, both()).allows


def test_one_signer_who_signs_twice_is_one(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    sign_artifact(model, SIGNER, SignOptions(add=True))
    assert refused(gate(model, both())) == {"signature"}


def test_a_second_signature_over_other_files_is_none_over_these(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    other = make_model(tmp_path / "other", extra=b"{}")
    sign_artifact(other, STRANGER)
    with (model / "model.claims").open("ab") as claims:
        claims.write((other / "model.claims").read_bytes())
    assert not gate(model, both()).allows
    assert gate(model, both(1)).evidence.identity


def test_two_approvals_stand_in_for_two_signatures(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    add_claim(model, SIGNER, APPROVAL_PREDICATE, {"reason": "looked at it"})
    rules = both(end="approvals = true\n")
    assert "signature" in refused(gate(model, rules))
    add_claim(model, STRANGER, APPROVAL_PREDICATE, {"reason": "me too"})
    assert gate(model, rules).allows


def test_an_age_that_nothing_proves_could_not_be_checked(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    decision = gate(model, policy("", "max_age = '30d'"))
    assert decision.verdict is Verdict.UNCHECKED
    assert "--tsa-url" in check(decision, "signature").fix


def test_claims_of_another_role_are_found_beside_the_model(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    assert refused(gate(model, two_roles())) == {"test"}
    add_claim(model, SIGNER, TEST_RESULT_PREDICATE, PASSED)
    wrong = gate(model, two_roles())
    assert refused(wrong) == {"test"}
    assert "not of the role" in check(wrong, "test").why
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, PASSED)
    assert gate(model, two_roles()).allows


def test_claims_of_another_role_are_found_in_the_ledger(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    copy = make_model(tmp_path / "copy")
    add_claim(copy, STRANGER, TEST_RESULT_PREDICATE, PASSED)
    place = tmp_path / "ledger"
    submitters = [Submitter.from_pem(one.public.pem) for one in (SIGNER, STRANGER)]
    from weightmark.attestations.claims import parse_claims

    lines = parse_claims((copy / "model.claims").read_bytes())
    with Ledger.create(place, submitters=submitters) as ledger:
        submit(ledger, [line.bundle for line in lines if line.bundle], STRANGER)
    assert refused(gate(model, two_roles())) == {"test"}
    assert gate(model, two_roles(), Sources(ledger=str(place))).allows


def test_one_broken_line_of_the_claims_hides_no_other(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, {"result": "FAILED", "configuration": []})
    lines = (model / "model.claims").read_bytes()
    (model / "model.claims").write_bytes(b'{"broken\n' + lines)
    assert {"sidecars", "test"} <= refused(gate(model, two_roles()))


def test_a_hundred_thousand_claims_beside_a_model_are_not_read_and_allow_nothing(
    tmp_path: Path,
) -> None:
    model = make_signed(tmp_path / "model")
    lines = (model / "model.claims").read_bytes()
    (model / "model.claims").write_bytes(lines + lines.splitlines(keepends=True)[0] * 100_000)
    decision = gate(model, two_roles())
    assert not decision.allows
    assert check(decision, "sidecars").outcome is Outcome.UNCHECKED


def test_a_policy_by_the_artifact_or_its_files_judges_nothing(tmp_path: Path) -> None:
    model = make_signed(
        tmp_path / "model", scan=True, **{"weightmark-policy.toml": b"version = 1\nmode = 'warn'\n"}
    )
    assert not gate(model, both()).allows


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        ("deny_formats = ['pickle']", False),
        ("deny_formats = ['gguf']", True),
        ("allow_formats = ['safetensors', 'json']", False),
        ("allow_formats = ['safetensors', 'json', 'pickle', 'text']", True),
    ],
)
def test_formats_are_told_by_content_and_never_by_names(
    tmp_path: Path, rule: str, good: bool
) -> None:
    harmless = b"\x80\x02N."
    model = make_signed(tmp_path / "model", scan=True, **{"weights.safetensors.md": harmless})
    decision = gate(model, policy("", f"[scan]\n{rule}"))
    assert decision.allows is good
    assert check(decision, "formats").outcome is (Outcome.PASS if good else Outcome.FAIL)


def test_code_and_configurations_that_name_code_are_refused_where_the_policy_says_so(
    tmp_path: Path,
) -> None:
    refuse = policy("", "[scan]\nremote_code = 'refuse'\nfail_on = 'critical'")
    judge = policy("", "[scan]\nfail_on = 'critical'")
    naming = b'{"auto_map": {"AutoModel": "modeling.Model"}}'
    for number, files in enumerate(
        ({"modeling.py": b"x = 1\n"}, {"tokenizer_config.json": naming})
    ):
        model = make_model(tmp_path / f"model{number}", **files)
        sign_artifact(model, SIGNER, SignOptions(scan=False))
        assert refused(gate(model, refuse)) == {"remote code"}
        assert gate(model, judge).allows
    assert gate(make_signed(tmp_path / "plain"), refuse).allows


def test_code_that_a_configuration_names_is_accepted_where_the_policy_says_so(
    tmp_path: Path,
) -> None:
    naming = b'{"auto_map": {"AutoModel": "modeling.Model"}}'
    model = make_model(
        tmp_path / "model", **{"tokenizer_config.json": naming, "modeling.py": b"x = 1\n"}
    )
    sign_artifact(model, SIGNER, SignOptions(scan=False))
    assert "scan" in refused(gate(model, policy()))
    assert gate(model, policy("", "[scan]\nremote_code = 'allow'")).allows


def test_an_exception_of_a_scan_rule_covers_that_rule_in_that_artifact_only(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", **{"extra.bin": EVIL_PICKLE})
    sign_artifact(model, SIGNER, SignOptions(scan=False))
    found = gate(model, policy())
    assert found.evidence.scan is not None
    rules = {one.rule for one in found.evidence.scan.findings}

    def excepting(identity: str, named: set[str]) -> Policy:
        return policy(
            "",
            "".join(
                f"[[exceptions]]\nrule = '{rule}'\nartifact = '{identity}'\nreason = 'r'\n"
                "approver = 'a'\nexpires = 2100-01-01\n"
                for rule in sorted(named)
            ),
        )

    identity = found.evidence.identity
    assert gate(model, excepting(identity, rules)).allows
    assert refused(gate(model, excepting(f"wm1:{'b' * 64}", rules))) == {"scan"}
    assert refused(gate(model, excepting(identity, {"SFT001"}))) == {"scan"}
