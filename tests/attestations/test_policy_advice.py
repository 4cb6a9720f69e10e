"""What a policy can't mean is said before it judges, and advice names what helps."""

from pathlib import Path

import pytest

from tests.attestations.gate_claims import rules
from tests.attestations.gate_makers import parse
from weightmark.attestations.ledger.ledger_claims import LedgerClaims
from weightmark.attestations.policy.explain import explain_policy
from weightmark.attestations.policy.holes import holes_of
from weightmark.attestations.policy.reading.document import overlaid
from weightmark.attestations.predicates.stating import stated
from weightmark.errors import CallError, PolicyError
from weightmark.provenance.ledger.log import Ledger

EXCEPTION = """
[[exceptions]]
rule = "{}"
artifact = "wm1:{}"
reason = "looked at"
approver = "somebody"
expires = 2999-01-01
"""


def test_an_age_that_no_plain_key_can_prove_is_a_hole() -> None:
    aged = rules("[require.scan]\nrole = 'scanner'\nmax_age = '7d'\n", roles=["scanner"])
    assert "require.scan.max_age" in {one.setting for one in holes_of(aged)}
    plain = rules("[require.scan]\nrole = 'scanner'\n", roles=["scanner"])
    assert not any("max_age" in one.setting for one in holes_of(plain))


def test_an_exception_for_a_check_that_is_never_made_is_a_hole() -> None:
    for rule, expected in (("licenses", True), ("sbom", True), ("scan", False), ("PKL001", False)):
        found = holes_of(rules(EXCEPTION.format(rule, "a" * 64)))
        assert any(one.setting == "exceptions" for one in found) is expected


def test_explain_says_what_a_scan_claim_may_have_found() -> None:
    text = "[require.scan]\nrole = 'scanner'\nfail_on = 'medium'\n"
    told = explain_policy(rules(text, roles=["scanner"]))
    (said,) = [one for one in told if one.setting == "require.scan.fail_on"]
    assert said.check == "scan claim"
    assert "medium" in said.text


def test_an_environment_of_a_policy_without_any_is_told_to_be_left_out() -> None:
    with pytest.raises(PolicyError) as caught:
        overlaid({"version": 1}, "prod")
    assert caught.value.fix == "leave it out, or write `[environments.prod]`"


@pytest.mark.parametrize(
    ("word", "meant"), [("test", "test-result"), ("sbom", "cyclonedx"), ("approv", "approval")]
)
def test_a_type_by_its_usual_word_is_told_by_its_name(word: str, meant: str) -> None:
    with pytest.raises(CallError) as caught:
        stated(word, {})
    assert caught.value.fix == f"did you mean `{meant}`?"


def test_a_ledger_is_opened_once_for_all_ancestors(tmp_path: Path) -> None:
    place = tmp_path / "ledger"
    Ledger.create(place).close()
    with LedgerClaims(str(place)) as about:
        place.rename(tmp_path / "moved")
        assert [list(about(f"wm1:{digit * 64}")) for digit in "abc"] == [[], [], []]
    assert LedgerClaims("")("wm1:a") == ()


def test_a_ledger_without_a_chain_is_a_hole_for_what_is_revoked_above() -> None:
    required = rules("[ledger]\nrequired = true\n")
    assert [one.fix for one in holes_of(required) if "revoked base" in one.text] == [
        "add `[chain]`"
    ]
    chained = rules("[ledger]\nrequired = true\n[chain]\n")
    assert not any("revoked base" in one.text for one in holes_of(chained))


@pytest.mark.parametrize("digests", ["sha256", "both"])
def test_earlier_decisions_do_not_go_with_other_digests(digests: str) -> None:
    text = "[vsa]\nrole = 'gate'\nmax_age = '7d'\n"
    with pytest.raises(PolicyError, match="contradict each other"):
        rules(text, roles=["gate"], top=f"digests = '{digests}'")
    assert rules(text, roles=["gate"], top="digests = 'any'").vsa


@pytest.mark.parametrize(
    "text",
    [
        "[roles.release]\nroot = 'trusted_root.json'\n",
        "[[roles.release.identities]]\nrepository = 'acme/models'\nroot = 'acme'\n",
        "[roles.release]\nkeys = []\n[roots.acme]\nfile = 'trusted_root.json'\n",
    ],
)
def test_a_root_in_a_policy_is_told_to_stand_in_a_trust_file(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(f"version = 1\n{text}[require.release]\n")
    assert "[roots.NAME]" in caught.value.fix
    assert 'trust = "FILE"' in caught.value.fix
