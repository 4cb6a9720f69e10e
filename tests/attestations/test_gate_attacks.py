"""Attacks on the gate that no other page tests over a whole decision, each by its name."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.attestations.chain.chains import approve, identity, made, signer, state
from tests.attestations.gate_claims import judged, rules
from tests.attestations.gate_makers import (
    KEY,
    NOW,
    SIGNER,
    STRANGER,
    check,
    make_model,
    make_signed,
    pem,
    policy,
    preset,
    refused,
    safetensors,
)
from tests.attestations.trust.makers import Stamps
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.gate.decision import Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.making.signing import SignOptions, add_claim, sign_artifact
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.provenance.identification import identify

BUILT = "[require.provenance]\nrole = 'builder'\n"
PASSED: dict[str, Any] = {"result": "PASSED", "configuration": []}


def with_tester() -> Policy:
    return policy(
        "", f"[roles.tester]\nkeys = {pem(STRANGER.public)}\n[require.test]\nrole = 'tester'"
    )


def add_line(model: Path, *bundles: bytes) -> None:
    with (model / "model.claims").open("ab") as claims:
        claims.write(b"".join(one + b"\n" for one in bundles))


def test_a_raw_ecdsa_signature_without_der_is_no_signature(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    for name in ("model.sig", "model.claims"):
        path = model / name
        path.write_bytes(b"".join(_raw(line) for line in path.read_bytes().splitlines()))
    decision = gate(model, preset("baseline"))
    assert decision.verdict is Verdict.DENY


def _raw(line: bytes) -> bytes:
    bundle = json.loads(line)
    held = bundle["dsseEnvelope"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(held["sig"]))
    held["sig"] = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    return json.dumps(bundle).encode() + b"\n"


def test_two_bundles_in_one_line_hide_nothing_and_count_for_nothing(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    make_model(tmp_path / "same")
    add_claim(tmp_path / "same", STRANGER, TEST_RESULT_PREDICATE, PASSED)
    bundle = (tmp_path / "same" / "model.claims").read_bytes().strip()
    add_line(model, bundle + bundle)
    assert refused(gate(model, with_tester())) == {"sidecars", "test"}


@pytest.mark.parametrize(
    "digests",
    [{"sha512": "a" * 128}, {"sha1": "a" * 40}, {"md5": "a" * 32}, {"gitCommit": "a" * 40}, {}],
    ids=["sha512", "sha1", "md5", "commit", "nothing"],
)
def test_a_subject_without_sha256_is_nobody(tmp_path: Path, digests: dict[str, str]) -> None:
    model = make_signed(tmp_path / "model")
    found = {
        "name": "model",
        "mediaType": "application/vnd.weightmark.manifest.v1",
        "digest": digests,
    }
    add_line(model, _statement(found).to_bytes())
    assert refused(gate(model, with_tester())) == {"test"}


def _statement(subject: dict[str, Any]) -> Bundle:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": TEST_RESULT_PREDICATE,
        "predicate": PASSED,
    }
    return STRANGER.sign_statement(json.dumps(document).encode())


def test_a_claim_about_a_text_file_that_holds_a_manifests_bytes_says_nothing_of_the_tree(
    tmp_path: Path,
) -> None:
    model = make_signed(tmp_path / "model")
    text = identify(model).manifest.canonical_bytes
    subject = {"name": "manifest.txt", "digest": {"sha256": hashlib.sha256(text).hexdigest()}}
    add_line(model, _statement(subject).to_bytes())
    assert refused(gate(model, with_tester())) == {"test"}
    (tmp_path / "manifest.txt").write_bytes(text)
    assert not gate(tmp_path / "manifest.txt", preset("baseline")).allows


def test_swapping_two_shards_of_one_size_is_denied(tmp_path: Path) -> None:
    shards = {"a.safetensors": safetensors(b"aaaa"), "b.safetensors": safetensors(b"bbbb")}
    model = make_model(tmp_path / "model", **shards)
    sign_artifact(model, SIGNER, SignOptions())
    assert gate(model, preset("baseline")).allows
    (model / "a.safetensors").write_bytes(shards["b.safetensors"])
    (model / "b.safetensors").write_bytes(shards["a.safetensors"])
    assert "content" in refused(gate(model, preset("baseline")))


def test_renaming_files_under_the_same_oms_root_is_denied(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    (model / "model.claims").unlink()
    assert gate(model, preset("baseline")).allows
    (model / "config.json").rename(model / "config.py")
    assert "content" in refused(gate(model, preset("baseline")))


def test_two_releases_of_one_signer_over_different_files_vouch_for_one_only(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    other = make_model(tmp_path / "other", extra=b"{}")
    sign_artifact(other, SIGNER, SignOptions())
    add_line(model, *(other / "model.claims").read_bytes().splitlines())
    assert gate(model, preset("baseline")).allows
    (model / "config.json").write_bytes(b"[1]")
    assert not gate(model, preset("baseline")).allows


def test_contradictory_levels_count_by_the_strictest(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    limited = policy("max_classification = 'internal'")
    add_claim(model, SIGNER, APPROVAL_PREDICATE, {"reason": "ours"})
    for level in ("public", "restricted", "public"):
        add_claim(model, SIGNER, CLASSIFICATION_PREDICATE, {"level": level})
    assert refused(gate(model, limited)) == {"classification"}


def test_contradictory_test_results_deny_in_any_order(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, {"result": "FAILED", "configuration": []})
    add_claim(model, STRANGER, TEST_RESULT_PREDICATE, PASSED)
    assert refused(gate(model, with_tester())) == {"test"}


def test_an_adapter_for_another_base_than_is_deployed_is_denied() -> None:
    deployed = rules(
        f"{BUILT}[chain]\nallowed_bases = ['{identity('deployed')}']\n", roles=["builder"]
    )
    fitting = (made("model", "deployed"), approve("deployed"))
    assert judged(deployed, *fitting).allows
    other = judged(deployed, made("model", "other"), approve("other"))
    assert refused(other) == {"chain"}
    assert check(other, "chain").code == "base-not-allowed"


def test_a_parent_that_is_younger_than_its_child_is_denied() -> None:
    stamps = Stamps()
    chained = rules(f"{BUILT}[chain]\ncomplete = true\n", roles=["builder"])
    roles = {name: replace(role, clocks=stamps.clocks()) for name, role in chained.roles.items()}
    dated = replace(chained, roles=roles)

    def at(bundle: Bundle, moment: datetime) -> Bundle:
        return replace(bundle, timestamps=(stamps.over(bundle.envelope.signature, moment),))

    old, new = NOW - timedelta(days=9), NOW - timedelta(days=1)
    honest = (at(made("model", "base"), new), at(approve("base"), old))
    assert judged(dated, *honest).allows
    turned = judged(dated, at(made("model", "base"), old), at(approve("base"), new))
    assert refused(turned) == {"chain"}
    assert check(turned, "chain").code == "younger-parent"


@pytest.mark.parametrize(
    "weak",
    [
        {"digest": {"md5": "a" * 32}},
        {"digest": {"sha1": "a" * 40}},
        {"digest": {"gitCommit": "a" * 40}, "uri": "hf://acme/base@" + "a" * 40},
        {"uri": "https://data.example/live.csv"},
    ],
    ids=["md5", "sha1", "commit", "live data"],
)
def test_an_input_without_a_strong_digest_leaves_the_chain_open(weak: dict[str, Any]) -> None:
    complete = rules(f"{BUILT}[chain]\ncomplete = true\n", roles=["builder"])
    step = _made_from([{"name": "base", **weak}])
    decision = judged(complete, step, approve("base"))
    assert refused(decision) == {"chain"}
    assert check(decision, "chain").code == "unlinked-input"


def _made_from(inputs: list[dict[str, Any]]) -> Bundle:
    from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE

    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/steps/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": inputs,
        },
        "runDetails": {"builder": {"id": "https://builder.example/1"}},
    }
    return state("model", SLSA_PROVENANCE_PREDICATE, predicate, "builder")


def test_a_merge_with_one_unproven_parent_is_denied() -> None:
    complete = rules(f"{BUILT}[chain]\ncomplete = true\n", roles=["builder"])
    whole = (made("model", "left", "right"), approve("left"), approve("right"))
    assert judged(complete, *whole).allows
    assert refused(judged(complete, *whole[:2])) == {"chain"}


def test_every_denied_check_names_a_command_or_a_setting(tmp_path: Path) -> None:
    strict = policy(
        "max_classification = 'public'",
        f"[roles.t]\nkeys = {pem(STRANGER.public)}\n"
        + "".join(
            f"[require.{kind}]\nrole = 't'\n"
            for kind in (
                "test",
                "provenance",
                "vulns",
                "sbom",
                "dataset",
                "classification",
                "approval",
            )
        )
        + "[chain]\ncomplete = true\n[licenses]\nallow = ['MIT']\n[ledger]\nrequired = true\n"
        + "[scan]\ndeny_formats = ['safetensors']\n",
    )
    for model in (make_signed(tmp_path / "signed"), make_model(tmp_path / "unsigned")):
        bad = [one for one in gate(model, strict).checks if one.outcome in {"fail", "unchecked"}]
        assert len(bad) > 5
        assert not [one.name for one in bad if not one.fix and not one.why]
        failed = [one for one in bad if one.outcome == "fail"]
        assert not [one.name for one in failed if not one.fix]


@pytest.mark.parametrize("rule", [preset("baseline"), preset("strict"), policy()])
def test_unsigned_always_shows_how_to_vouch_for_it(tmp_path: Path, rule: Policy) -> None:
    decision = gate(make_model(tmp_path / "model"), rule)
    fix = check(decision, "signature").fix
    assert "weightmark attest " in fix
    assert "--type approval --reason REASON --expires DATE" in fix
    assert ("approvals = true" in fix) == (rule.source == "test.toml")
    assert ("as `baseline`" in fix) == (rule.source == "preset strict")
    assert KEY.public.fingerprint != signer("release").public.fingerprint
