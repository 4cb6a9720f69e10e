"""Decisions that are kept: what follows from what they rest on, and edits that are noticed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attestations.chain.chains import approve, identity, made
from tests.attestations.decisions.makers import GATE, decided, rules, said
from tests.attestations.gate_claims import judged
from tests.attestations.gate_claims import rules as claim_rules
from tests.attestations.gate_makers import (
    EVIL_PICKLE,
    KEY,
    NOW,
    STRANGER,
    make_model,
    make_signed,
    policy,
    preset,
)
from tests.attestations.test_gate_decide import EVIDENCE, POLICIES
from weightmark.attestations.gate.decision import Decision, Verdict, decide
from weightmark.attestations.gate.decisions.record import DecisionRecord
from weightmark.attestations.gate.decisions.replay import read_decision, replay
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.summary import result_of, sign_result, sign_summary
from weightmark.attestations.policy.choices import Mode
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE, SPDX_PREDICATE
from weightmark.attestations.predicates.svr import SVR_PREDICATE, SimpleVerificationResult
from weightmark.attestations.trust import Trust
from weightmark.errors import (
    MalformedError,
    PolicyError,
    TamperedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.strict_json import canonical_json
from weightmark.scanners.findings import Severity

OWN_GATE = Trust.in_keys([GATE.public])


def kept(decision: Decision) -> DecisionRecord:
    """The decision as it comes back from its bytes."""
    return DecisionRecord.parse(DecisionRecord.of(decision).to_bytes())


def resealed(document: dict[str, Any]) -> bytes:
    """The document with the digests of what stands in it now, as a forger would write them."""
    import hashlib

    digest = hashlib.sha256(canonical_json(document["inputs"])).hexdigest()
    text = document["inputs"]["policy"]["text"]
    policy_digest = hashlib.sha256(text.encode()).hexdigest()
    return canonical_json(
        {
            **document,
            "inputs_digest": f"sha256:{digest}",
            "policy_digest": f"sha256:{policy_digest}",
        }
    )


def decisions(tmp_path: Path) -> list[Decision]:
    signed = make_signed(tmp_path / "signed")
    unsigned = make_model(tmp_path / "unsigned")
    evil = make_signed(tmp_path / "evil", scan=False, **{"x.bin": EVIL_PICKLE})
    empty = tmp_path / "empty"
    empty.mkdir()
    link = make_signed(tmp_path / "link")
    (link / "leak").symlink_to("/etc/hostname")
    policies = [
        preset("baseline"),
        preset("strict"),
        preset("audit"),
        preset("baseline").with_fail_on(Severity.LOW).with_mode(Mode.WARN),
        policy(),
        rules(),
        rules(end="[environments.prod]\nmode = 'warn'\n", environment="prod"),
    ]
    return [
        gate(one, rule, now=NOW)
        for one in (signed, unsigned, evil, empty, link)
        for rule in policies
    ]


def test_every_decision_follows_from_what_was_recorded(tmp_path: Path) -> None:
    for decision in decisions(tmp_path):
        record = kept(decision)
        found = replay(record)
        assert found.is_reproduced, found.differences
        assert found.judgement.verdict is decision.verdict
        assert DecisionRecord.of(decision) == record


def test_a_kept_decision_names_no_path_of_the_machine(tmp_path: Path) -> None:
    for decision in decisions(tmp_path):
        assert str(tmp_path) not in DecisionRecord.of(decision).to_bytes().decode()


def test_a_decision_over_a_chain_and_licences_follows(tmp_path: Path) -> None:
    assert tmp_path.is_dir()
    text = (
        f"[require.provenance]\nrole = 'builder'\n[chain]\nallowed_bases = ['{identity('base')}']\n"
    )
    chained = claim_rules(text, roles=["builder"])
    for bundles in ((made("model", "base"), approve("base")), (made("model", "base"),), ()):
        decision = judged(chained, *bundles)
        assert replay(kept(decision)).is_reproduced


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (CYCLONEDX_PREDICATE, {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [],
                               "metadata": {"component": {"licenses": [{"license": {"id": "MIT"}}]}}}),
        (SPDX_PREDICATE, {"spdxVersion": "SPDX-2.3", "documentDescribes": ["a"],
                          "packages": [{"SPDXID": "a", "licenseDeclared": "MIT"}]}),
        (SPDX_PREDICATE, {"@graph": [{"type": "x"}]}),
    ],
)  # fmt: skip
def test_bills_of_materials_are_recorded_as_far_as_they_are_judged(
    kind: str, document: dict[str, Any]
) -> None:
    from tests.attestations.chain.chains import state

    asking = claim_rules("[require.sbom]\nrole = 'release'\n[licenses]\nallow = ['MIT']")
    decision = judged(asking, state("model", kind, document, "release"))
    assert replay(kept(decision)).is_reproduced


@given(POLICIES, EVIDENCE)
@settings(max_examples=60)
def test_whatever_was_decided_follows_from_its_record(rules: Policy, evidence: Evidence) -> None:
    decision = decide(rules, evidence)
    record = kept(decision)
    assert record.verdict is decision.verdict
    if rules.text and "needing" not in rules.name:
        again = replay(record)
        same_text = rules.ledger == record.policy.policy().ledger
        assert again.is_reproduced or not same_text


EDITS: dict[str, tuple[str, str]] = {
    "the time": ("2026-11-21T12:00:00+00:00", "2020-01-01T12:00:00+00:00"),
    "the identity": ("wm1:", "wm1:0"),
    "a signer": (KEY.public.fingerprint, STRANGER.public.fingerprint),
    "an outcome": ('"outcome":"pass"', '"outcome":"info"'),
    "the policy": ("version = 1", "version = 1 # loose"),
    "a role": ('"roles":["release"]', '"roles":[]'),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_input_is_noticed(tmp_path: Path, edit: str) -> None:
    _, decision = decided(tmp_path, policy())
    data = DecisionRecord.of(decision).to_bytes().decode()
    before, after = EDITS[edit]
    inputs, rest = data.split('"inputs_digest"')
    assert before in inputs
    with pytest.raises((TamperedError, MalformedError)):
        DecisionRecord.parse((inputs.replace(before, after) + '"inputs_digest"' + rest).encode())


def test_an_edited_verdict_does_not_follow(tmp_path: Path) -> None:
    decision = gate(make_model(tmp_path / "model"), policy(), now=NOW)
    document = json.loads(DecisionRecord.of(decision).to_bytes())
    assert document["decision"]["verdict"] == "deny"
    document["decision"]["verdict"] = "allow"
    found = replay(DecisionRecord.parse(canonical_json(document)))
    assert not found.is_reproduced
    assert any("`allow`" in one for one in found.differences)


def test_an_input_that_was_edited_with_its_digest_gives_another_decision(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, policy())
    document = json.loads(DecisionRecord.of(decision).to_bytes())
    evidence = document["inputs"]["evidence"]
    evidence["checks"] = [one for one in evidence["checks"] if one["name"] != "signature"]
    found = replay(DecisionRecord.parse(resealed(document)))
    assert not found.is_reproduced
    assert found.judgement.verdict is Verdict.UNCHECKED


def test_a_document_cannot_bring_anything_that_only_verifying_makes(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, policy())
    document = json.loads(DecisionRecord.of(decision).to_bytes())
    document["inputs"]["evidence"]["verified"] = {"manifest": {}, "signers": [], "algorithm": "x"}
    with pytest.raises(MalformedError, match="only verifying"):
        DecisionRecord.parse(resealed(document))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "weightmark/decision/v2"),
        (("tool",), 1),
        (("inputs", "evidence", "files"), True),
        (("inputs", "evidence", "files"), "1"),
        (("inputs", "evidence", "at"), "2026-11-21T12:00:00Z"),
        (("inputs", "evidence", "at"), "yesterday"),
        (("inputs", "evidence", "known"), "believed"),
        (("inputs", "evidence", "signed"), {}),
        (("inputs", "evidence", "extra"), 1),
        (("inputs", "policy", "members"), [["release"]]),
        (("inputs", "policy", "members"), [["a", []], ["a", []]]),
        (("inputs", "policy", "fail_on"), 99),
        (("inputs", "policy", "text"), "version = 2"),
        (("inputs", "policy"), None),
        (("decision", "verdict"), "maybe"),
        (("decision",), []),
    ],
)
def test_a_wrong_field_is_refused(tmp_path: Path, place: tuple[str, ...], value: object) -> None:
    _, decision = decided(tmp_path, policy())
    document = json.loads(DecisionRecord.of(decision).to_bytes())
    holder = document
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    data = canonical_json(document) if place[-1] == "policy" else resealed(document)
    with pytest.raises((MalformedError, PolicyError)):
        replay(DecisionRecord.parse(data))


def test_a_document_without_a_required_field_is_refused(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, policy())
    whole = json.loads(DecisionRecord.of(decision).to_bytes())
    for name in list(whole):
        with pytest.raises(MalformedError):
            DecisionRecord.from_json({key: one for key, one in whole.items() if key != name})
    del whole["inputs"]["evidence"]["identity"]
    with pytest.raises(MalformedError, match="lacks `identity`"):
        DecisionRecord.parse(resealed(whole))


@given(st.data())
@settings(max_examples=60)
def test_no_document_ends_in_anything_but_an_error_of_ours(data: st.DataObject) -> None:
    document = json.loads(DecisionRecord.of(judged(claim_rules(""))).to_bytes())
    holder: Any = document
    for _ in range(data.draw(st.integers(1, 5))):
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], (dict, list)) or data.draw(st.booleans()):
            break
        holder = holder[key]
    if not isinstance(holder, (dict, list)) or not holder:
        return
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = data.draw(st.sampled_from(keys))
    holder[key] = data.draw(
        st.sampled_from([None, True, 0, -1, "", "x", [], {}, [[]], [["a", "b"]], {"type": "x"}])
    )
    try:
        replay(DecisionRecord.parse(resealed(document)))
    except (WeightmarkError, KeyError, TypeError, AttributeError) as error:
        wrecked = not isinstance(error, WeightmarkError)
        # resealing itself needs the policy's text
        assert not wrecked or not isinstance(document.get("inputs"), dict) or _has_no_text(document)


def _has_no_text(document: dict[str, Any]) -> bool:
    policy = document["inputs"].get("policy")
    return not isinstance(policy, dict) or not isinstance(policy.get("text"), str)


def test_a_signed_decision_is_replayed_for_whoever_trusts_the_gate(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, rules())
    file = tmp_path / "vsa.json"
    file.write_bytes(said(decision).to_bytes())
    found = read_decision(file, OWN_GATE)
    assert found.signed is not None
    assert found.signed.signer == GATE.identity
    assert replay(found.record).is_reproduced
    with pytest.raises(WrongSignerError):
        read_decision(file, Trust.in_keys([STRANGER.public]))
    unverified = read_decision(file, None)
    assert unverified.signed is None
    assert unverified.is_signed


def test_a_document_that_nobody_signed_is_signed_by_nobody(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, rules())
    file = tmp_path / "decision.json"
    file.write_bytes(DecisionRecord.of(decision).to_bytes())
    assert read_decision(file, None).signed is None
    with pytest.raises(UnsupportedError, match="signed by nobody"):
        read_decision(file, OWN_GATE)


def test_a_summary_by_another_tool_can_not_be_replayed(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, rules())
    file = tmp_path / "vsa.json"
    file.write_bytes(said(decision, weightmark_inputs=None).to_bytes())
    with pytest.raises(UnsupportedError, match="does not hold"):
        read_decision(file, OWN_GATE)


def test_a_decision_that_rests_on_very_much_is_summed_up_by_its_digest(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, rules())
    much = tuple(f"`file {number:08}`" for number in range(100_000))
    large = decide(decision.policy, replace(decision.evidence, clashes=much))
    summary = json.loads(sign_summary(large, GATE).envelope.payload)["predicate"]
    assert "weightmark_inputs" not in summary
    digest = summary["weightmark_decision"]["inputs_digest"]
    assert digest == f"sha256:{DecisionRecord.of(large).inputs_sha256}"


def test_the_simple_result_says_what_holds_and_nothing_of_a_denial(tmp_path: Path) -> None:
    _, decision = decided(tmp_path, rules())
    verified = OWN_GATE.verify(sign_result(decision, GATE))
    assert verified.statement.predicate_type == SVR_PREDICATE
    assert verified.statement.subject.identity == decision.evidence.identity
    result = SimpleVerificationResult.from_statement(verified.statement)
    assert result == result_of(decision)
    assert {"WEIGHTMARK_ALLOWED", "WEIGHTMARK_SIGNED"} <= set(result.properties)
    assert result.policies[0].digest["sha256"] == decision.policy.sha256
    denied = gate(make_model(tmp_path / "unsigned"), rules(), now=NOW)
    assert result_of(denied).properties == ()
    assert SimpleVerificationResult.from_statement(
        OWN_GATE.verify(sign_result(denied, GATE)).statement
    ) == result_of(denied)
