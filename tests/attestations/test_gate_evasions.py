"""What a policy forbids stays forbidden however it is spelt, named or dated."""

import json
import struct
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.chain.chains import approve, descriptor, identity, made, state
from tests.attestations.gate_claims import dated, evidence, judged, rules
from tests.attestations.gate_makers import (
    KEY,
    NOW,
    SIGNER,
    check,
    make_model,
    make_signed,
    parse,
    pem,
    refused,
    safetensors,
)
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.claims import parse_claims
from weightmark.attestations.gate.decision import Verdict, decide
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import sign_artifact
from weightmark.attestations.policy.holes import holes_of
from weightmark.attestations.policy.reading.document import read_toml
from weightmark.attestations.predicates.bom import CYCLONEDX_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, PolicyError
from weightmark.provenance.identification import identify
from weightmark.provenance.manifest import MANIFEST_MEDIA_TYPE

BUILDER = KeySigner(PrivateKey.generate())
BUILT = "[require.provenance]\nrole = 'builder'\n"
SPDX = "https://spdx.dev/Document"


def dataset(name: str, licence: str = "MIT", **more: str) -> Bundle:
    return state(name, DATASET_PREDICATE, {"license": licence, **more}, "legal")


# licences

DENYING = rules("[licenses]\ndeny = ['CC-BY-NC-4.0', 'GPL-3.0']\nrole = 'legal'\n", roles=["legal"])


@pytest.mark.parametrize(
    "licence",
    [
        "NOASSERTION", "NONE", "noassertion", "other", "Unknown",
        "MIT,CC-BY-NC-4.0", "MIT;CC-BY-NC-4.0", "MIT/GPL-3.0-only", "MIT|GPL-3.0-only",
        "GPL-3.0", "gpl-3.0", "GPL-3.0+", "GPL-3.0-only", "GPL-3.0-or-later",
        "GPL-3.0-with-GCC-exception", "GPL-3.0-only WITH GCC-exception-3.1",
        "CC-BY-NC-4.0+", "MIT AND NOASSERTION", "Apache License 2.0", "MIT\u00a0CC-BY-NC-4.0",
        "https://example.org/license",
    ],
)  # fmt: skip
def test_a_list_that_denies_lets_no_licence_through_that_nobody_can_read(licence: str) -> None:
    assert refused(judged(DENYING, approve("model"), dataset("model", licence))) == {"licenses"}


@pytest.mark.parametrize(
    "licence", ["MIT", "apache-2.0", "LicenseRef-acme-1", "MIT OR GPL-3.0", "GPL-2.0+"]
)
def test_a_licence_that_is_not_denied_is_good(licence: str) -> None:
    assert judged(DENYING, approve("model"), dataset("model", licence)).allows


@pytest.mark.parametrize(
    ("declared", "concluded", "good"),
    [
        ("MIT", "MIT", True),
        ("MIT", "NOASSERTION", True),
        ("NOASSERTION", "NOASSERTION", False),
        ("NOASSERTION", "CC-BY-NC-4.0", False),
        ("MIT", "CC-BY-NC-4.0", False),
        ("CC-BY-NC-4.0", "MIT", False),
        ("NONE", "", False),
    ],
)
def test_of_a_bill_of_materials_what_is_declared_and_what_is_concluded_count(
    declared: str, concluded: str, *, good: bool
) -> None:
    package = {"SPDXID": "SPDXRef-1", "licenseDeclared": declared, "licenseConcluded": concluded}
    document = {
        "spdxVersion": "SPDX-2.3",
        "SPDXID": "SPDXRef-DOCUMENT",
        "documentDescribes": ["SPDXRef-1"],
        "packages": [package],
    }
    said = state("model", SPDX, document, "legal")
    assert judged(DENYING, approve("model"), said).allows is good


def test_a_licence_that_is_given_by_a_link_only_is_one_that_nobody_read() -> None:
    licences = [{"license": {"id": "MIT"}}, {"license": {"url": "https://example.org"}}]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"licenses": licences}},
    }
    said = state("model", CYCLONEDX_PREDICATE, bom, "legal")
    assert refused(judged(DENYING, approve("model"), said)) == {"licenses"}


# rules


def rule(field: str, op: str, value: str, *claims: Bundle) -> Verdict:
    text = f"[[rule]]\nname = 'r'\nfield = '{field}'\nop = '{op}'\nvalue = {value}\n"
    also = "[require.approval]\nrole = 'legal'\n"
    return judged(rules(text + also, roles=["legal"]), approve("model", "legal"), *claims).verdict


def stated(licence: str) -> Bundle:
    return state("model", DATASET_PREDICATE, {"license": licence}, "release")


@pytest.mark.parametrize(
    ("op", "licence", "verdict"),
    [
        ("not_in", "CC-BY-NC-4.0", Verdict.DENY),
        ("not_in", "cc-by-nc-4.0", Verdict.DENY),
        ("not_in", "MIT AND CC-BY-NC-4.0", Verdict.DENY),
        ("not_in", "MIT OR (Apache-2.0 AND CC-BY-NC-4.0)", Verdict.DENY),
        ("not_in", "MIT,CC-BY-NC-4.0", Verdict.UNCHECKED),
        ("not_in", "NOASSERTION", Verdict.UNCHECKED),
        ("not_in", "MIT", Verdict.ALLOW),
        ("in", "mit", Verdict.DENY),
        ("in", "cc-by-nc-4.0", Verdict.ALLOW),
    ],
)
def test_a_rule_about_licences_sees_each_of_an_expression(
    op: str, licence: str, verdict: Verdict
) -> None:
    assert rule("licenses", op, "['CC-BY-NC-4.0']", stated(licence)) is verdict


@pytest.mark.parametrize("field", ["licenses", "classification.levels", "test.results"])
def test_a_rule_that_forbids_is_not_met_by_saying_nothing(field: str) -> None:
    assert rule(field, "not_in", "['x']") is Verdict.UNCHECKED


def test_a_rule_about_licences_says_nothing_while_one_of_the_chain_has_none() -> None:
    text = "[chain]\n[[rule]]\nname = 'r'\nfield = 'licenses'\nop = 'not_in'\nvalue = ['X']\n"
    policy = rules(f"{BUILT}{text}", roles=["builder"])
    claims = (made("model", "base"), approve("base"), stated("MIT"))
    assert judged(policy, *claims).verdict is Verdict.UNCHECKED
    base = state("base", DATASET_PREDICATE, {"license": "MIT"}, "release")
    assert judged(policy, *claims, base).allows


@pytest.mark.parametrize("op", ["equals", "not_equals"])
def test_a_rule_compares_a_list_with_no_single_value(op: str) -> None:
    with pytest.raises(PolicyError, match="several values"):
        rules(f"[[rule]]\nname = 'r'\nfield = 'scan.formats'\nop = '{op}'\nvalue = 'pickle'\n")


# required claims


def test_no_bad_claim_is_dropped_for_having_no_date() -> None:
    text = "[require.test]\nrole = 'tester'\nmax_age = '7d'\n"
    policy = rules(text, roles=["tester"])
    failed, passed = (
        state("model", TEST_RESULT_PREDICATE, {"result": one, "configuration": []}, "tester")
        for one in ("FAILED", "PASSED")
    )
    good = dated(evidence(policy, approve("model"), passed), {"test": NOW - timedelta(days=1)})
    assert decide(policy, good).allows
    bad = evidence(policy, approve("model"), failed).signed
    undated = decide(policy, with_claims(good, bad))
    assert refused(undated) == {"test"}
    old = dated(evidence(policy, failed), {"test": NOW - timedelta(days=30)}).signed
    assert decide(policy, with_claims(good, old)).allows
    newer = dated(evidence(policy, failed), {"test": NOW}).signed
    assert refused(decide(policy, with_claims(good, newer))) == {"test"}


def with_claims(found: Any, more: Any) -> Any:
    return replace(found, signed=(*found.signed, *more))


@pytest.mark.parametrize(
    ("severity", "fail_on", "good"),
    [
        ("medium", "high", True),
        ("high", "high", False),
        ("critical", "high", False),
        ("high", "critical", True),
        ("CRITICAL", "critical", False),
        (None, "critical", False),
        (7, "critical", False),
    ],
)
def test_a_scan_claim_with_a_severe_finding_is_no_scan_that_was_asked_for(
    severity: object, fail_on: str, *, good: bool
) -> None:
    policy = rules(f"[require.scan]\nrole = 'scanner'\nfail_on = '{fail_on}'\n", roles=["scanner"])
    finding: dict[str, object] = {"rule": "PKL001", "message": "x", "path": "x"}
    finding |= {"severity": severity} if severity is not None else {}
    claim = {
        "scanner": "weightmark 0.1.0",
        "rules": "",
        "result": "findings",
        "fail_on": "critical",
        "findings": [finding],
    }
    decision = judged(policy, approve("model"), state("model", SCAN_PREDICATE, claim, "scanner"))
    assert decision.allows is good
    assert good or refused(decision) == {"scan claim"}


# data


@pytest.mark.parametrize("role", ["data", "corpus", "", "code", "environment"])
def test_what_an_input_is_called_spares_it_no_description(role: str) -> None:
    text = f"{BUILT}[chain]\n[require.dataset]\nrole = 'legal'\npersonal_data = ['none']\n"
    policy = rules(text, roles=["builder", "legal"])
    annotations = {"annotations": {"role": role}} if role else {}
    claims = (
        made("model", descriptor("base", annotations={"role": "base"}), descriptor("dirty", **annotations)),
        approve("base"),
        approve("dirty"),
    )  # fmt: skip
    bad = dataset("dirty", personal_data="present")
    assert refused(judged(policy, *claims, bad)) == {"dataset"}
    assert judged(policy, *claims, dataset("dirty", personal_data="none")).allows


@pytest.mark.parametrize("only", ["allowed_bases", "allowed_datasets"])
def test_one_list_alone_is_a_hole_because_a_step_says_what_an_input_is(only: str) -> None:
    chain = f"{BUILT}[chain]\n{only} = ['{identity('x')}']\n"
    other = {"allowed_bases": "allowed_datasets", "allowed_datasets": "allowed_bases"}[only]
    found = {one.setting for one in holes_of(rules(chain, roles=["builder"]))}
    assert f"chain.{other}" in found


def test_a_dotted_key_of_thousands_of_parts_is_refused_before_it_is_read() -> None:
    part, quoted, long = "a.", "'a' . ", "a" * 201 + "."
    for text in (part * 50_000, quoted * 30_000, (part * 31 + long) * 500, '"\\"".' * 30_000):
        for shape in ("{}a = 1", "[{}a]", "x = {{ {}a = 1 }}"):
            with pytest.raises(PolicyError) as caught:
                read_toml(f"version = 1\n{shape.format(text)}\n".encode(), "p.toml")
            assert caught.value.why == "it has a key of more than 32 parts"


def test_a_value_that_holds_many_dots_is_no_key() -> None:
    values = ", ".join(f"'https://example.org/a.b.c/{one}.x'" for one in range(500))
    found = read_toml(f"version = 1\nx = [{values}]\na.b.c.d = 1\n".encode(), "p.toml")
    assert found["a"] == {"b": {"c": {"d": 1}}}


# digests that mean two artifacts


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name, content in zip(names, (b'{"a": 1}', b'{"b": 2}'), strict=True):
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("first", [0, 1])
def test_a_root_that_two_trusted_artifacts_share_means_neither_in_any_order(
    tmp_path: Path, first: int
) -> None:
    both = [folder(tmp_path / "a", "a.json", "b.json"), folder(tmp_path / "b", "c.json", "d.json")]
    files = []
    for one in both:
        sign_artifact(one, SIGNER)
        files.append((one / "model.claims").read_bytes() + (one / "model.sig").read_bytes())
    oms = Bundle.parse((both[0] / "model.sig").read_bytes())
    root = Statement.parse(oms.envelope.payload_type, oms.envelope.payload).subject.sha256
    model = make_signed(tmp_path / "model")
    step = about(
        model, {"name": "base", "digest": {"sha256": root}, "annotations": {"role": "base"}}
    )
    lines = [step.to_bytes(), files[first], files[1 - first]]
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"\n".join(one.strip() for one in lines) + b"\n")
    policy = chained(f"allowed_bases = ['{identify(both[0]).identity}']\n")
    assert refused(gate(model, policy, Sources(claims=(kept,)), now=NOW)) >= {"chain"}
    kept.write_bytes(step.to_bytes() + b"\n" + files[0])
    assert gate(model, policy, Sources(claims=(kept,)), now=NOW).allows


def about(path: Path, *inputs: dict[str, Any]) -> Bundle:
    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": list(inputs),
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}},
    }
    made_as = identify(path).identity
    statement = Statement.about_manifest("model", made_as, SLSA_PROVENANCE_PREDICATE, predicate, {})
    return BUILDER.sign_statement(statement)


def chained(more: str = "", top: str = "") -> Any:
    return parse(
        f"version = 1\n{top}[roles.release]\nkeys = {pem(KEY.public)}\n[roles.builder]\n"
        f"keys = {pem(BUILDER.public)}\n[require.release]\n{BUILT}[chain]\n{more}"
    )


# weights that contradict the chain


def tensors(path: Path, **weights: bytes) -> Path:
    """Write a model of one tensor a name."""
    header: dict[str, Any] = {}
    data = b""
    for name, content in weights.items():
        header[name] = {
            "dtype": "U8",
            "shape": [len(content)],
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


class Tuned:
    """A model that its builder says was made from a base."""

    def __init__(self, root: Path, **weights: bytes) -> None:
        self.base = tensors(make_model(root / "base"), a=b"aaaa", b=b"bbbb")
        sign_artifact(self.base, SIGNER)
        self.model = tensors(make_model(root / "model"), **weights)
        sign_artifact(self.model, SIGNER)
        digest = {"sha256": identify(self.base).identity.removeprefix("wm1:")}
        step = about(
            self.model,
            {
                "name": "base",
                "mediaType": MANIFEST_MEDIA_TYPE,
                "digest": digest,
                "annotations": {"role": "base"},
            },
        )
        with (self.model / "model.claims").open("ab") as claims:
            claims.write(step.to_bytes() + b"\n")

    def ask(self, *ancestors: Path, policy: Any = None) -> Any:
        rules_ = policy or chained("signed_ends = true\n")
        return gate(self.model, rules_, Sources(ancestors=ancestors), now=NOW)


def test_weights_that_contradict_the_chain_deny_and_those_that_agree_do_not(tmp_path: Path) -> None:
    honest = Tuned(tmp_path, a=b"aaaa", b=b"new!")
    assert refused(honest.ask()) == {"chain"}
    decision = honest.ask(honest.base)
    assert decision.allows
    assert check(decision, "weights").outcome is Outcome.PASS


def test_a_fine_tune_of_something_else_is_denied_once_the_base_is_at_hand(tmp_path: Path) -> None:
    lying = Tuned(tmp_path, x=b"aaaa", y=b"bbbb")
    decision = lying.ask(lying.base)
    assert refused(decision) == {"weights"}
    assert check(decision, "weights").code == "contradicted"
    plain = parse(f"version = 1\n[roles.release]\nkeys = {pem(KEY.public)}\n[require.release]\n")
    assert lying.ask(policy=plain).allows
    both = parse(
        f"version = 1\n[roles.release]\nkeys = {pem(KEY.public, BUILDER.public)}\n[require.release]\n"
    )
    assert refused(lying.ask(lying.base, policy=both)) == {"weights"}


def test_what_is_no_ancestor_is_said_and_decides_nothing(tmp_path: Path) -> None:
    honest = Tuned(tmp_path, a=b"aaaa", b=b"new!")
    other = make_model(tmp_path / "other")
    (other / "model.safetensors").write_bytes(safetensors(b"other"))
    decision = honest.ask(honest.base, other)
    assert decision.allows
    assert any("is no ancestor" in one for one in words(decision))


def words(decision: Any) -> list[str]:
    return [one for check_ in decision.checks for one in (check_.summary, *check_.details)]


def test_ancestors_that_are_missing_or_stand_beside_an_identity_are_wrong_calls(
    tmp_path: Path,
) -> None:
    honest = Tuned(tmp_path, a=b"aaaa", b=b"new!")
    with pytest.raises(CallError):
        honest.ask(tmp_path / "missing")
    with pytest.raises(CallError, match="identity"):
        gate("wm1:" + "0" * 64, chained(), Sources(ancestors=(honest.base,)))


def test_claims_of_ancestors_are_nobodys_until_they_are_verified(tmp_path: Path) -> None:
    honest = Tuned(tmp_path, a=b"aaaa", b=b"new!")
    (honest.base / "model.claims").unlink()
    (honest.base / "model.sig").unlink()
    sign_artifact(honest.base, KeySigner(PrivateKey.generate()))
    assert parse_claims((honest.base / "model.claims").read_bytes())
    assert refused(honest.ask(honest.base)) == {"chain"}
