"""`weightmark bom`: what stands in a document, on whose word, and what no word of a stranger changes."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.attestations.bom.documents import (
    cyclonedx_problems,
    everything,
    properties,
    spdx_problems,
)
from tests.attestations.gate_makers import safetensors
from tests.attestations.signers.parties import LoopbackTsa
from tests.cli.running import Ran, RunCli
from tests.sim.hub import Hub

Json = dict[str, Any]
KEY = ("--key", "release.key")
PUBLIC = ("--key", "release.pub")
STATED = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.7",
    "metadata": {
        "component": {
            "type": "machine-learning-model",
            "name": "whatever",
            "supplier": {"name": "Acme GmbH"},
            "description": "answers questions",
            "licenses": [{"license": {"id": "Apache-2.0"}}, {"license": {"name": "Acme terms"}}],
            "modelCard": {
                "modelParameters": {
                    "task": "question answering",
                    "architectureFamily": "transformer",
                    "modelArchitecture": "tiny-bert",
                    "approach": {"type": "supervised"},
                },
                "considerations": {
                    "useCases": ["support desks"],
                    "technicalLimitations": ["English only"],
                },
                "quantitativeAnalysis": {
                    "performanceMetrics": [{"type": "accuracy", "value": "0.91", "slice": "test"}]
                },
            },
        }
    },
}


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """A base, a dataset, and a model that was fine-tuned from both, all signed by one key."""
    for name in ("base", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "model.safetensors").write_bytes(safetensors(b"abcd"))
    (tmp_path / "data" / "rows.csv").write_text("a,b\n1,2\n")
    _good(run_cli("key", "generate", "-o", "release.key", cwd=tmp_path))
    _good(run_cli("key", "generate", "-o", "stranger.key", cwd=tmp_path))
    for name in ("base", "data"):
        _good(run_cli("sign", name, *KEY, cwd=tmp_path))
    _attest(run_cli, tmp_path, "data", "dataset", {"license": "cc-by-4.0", "records": "1"})
    (tmp_path / "new.safetensors").write_bytes(safetensors(b"efgh"))
    told = ("--step", "finetune", "--input", "base=./base", "--input", "data=./data")
    making = ("--", "sh", "-c", "mkdir model && mv new.safetensors model/model.safetensors")
    step = run_cli(
        "record", *told, "--output", "./model", "--param", "epochs=3", *KEY, *making, cwd=tmp_path
    )
    _good(step)
    _good(run_cli("sign", "model", *KEY, cwd=tmp_path))
    return tmp_path


def _good(ran: Ran) -> Ran:
    assert ran.code == 0, ran.stderr
    return ran


def _attest(
    run_cli: RunCli, house: Path, path: str, kind: str, said: Json, *, key: str = "release.key"
) -> None:
    (house / "said.json").write_text(json.dumps(said))
    call = ("--type", kind, "--predicate", "said.json", "--key", key)
    _good(run_cli("attest", path, *call, cwd=house))


def _bom(run_cli: RunCli, house: Path, *args: str, form: str = "cyclonedx") -> Json:
    ran = _good(run_cli("bom", *args, "--format", form, cwd=house))
    found: Json = json.loads(ran.stdout)
    problems = cyclonedx_problems(ran.stdout) if form == "cyclonedx" else spdx_problems(ran.stdout)
    assert not problems
    return found


def _root(document: Json) -> Json:
    found: Json = document["metadata"]["component"]
    return found


def test_a_signed_model_names_its_base_its_data_and_how_it_was_made(
    house: Path, run_cli: RunCli
) -> None:
    _attest(run_cli, house, "model", "release", {"purl": "pkg:huggingface/acme/qa@2.1"})
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    document = _bom(run_cli, house, "model", *PUBLIC, "--with", "base", "--with", "data")
    root = _root(document)
    assert (root["version"], root["supplier"]) == ("2.1", {"name": "Acme GmbH"})
    assert root["purl"] == "pkg:huggingface/acme/qa@2.1"
    assert [one.get("license", {}).get("id") for one in root["licenses"]] == ["Apache-2.0", None]
    assert root["licenses"][1]["license"]["name"] == "Acme terms"
    [base] = root["pedigree"]["ancestors"]
    [data] = document["components"]
    assert (base["name"], data["name"]) == ("base", "data")
    assert data["licenses"][0]["license"]["id"] == "CC-BY-4.0"
    card = root["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": data["bom-ref"]}]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "accuracy", "value": "0.91", "slice": "test"}
    ]
    [workflow] = document["formulation"][0]["workflows"]
    assert workflow["name"] == "finetune"
    used = {one["resource"]["ref"] for one in workflow["inputs"] if "resource" in one}
    assert used == {base["bom-ref"], data["bom-ref"]}
    assert workflow["outputs"][0]["resource"]["ref"] == root["bom-ref"]
    assert properties(root)["weightmark:signed"] == ["verified"]


def test_the_same_bytes_and_claims_give_the_same_document(house: Path, run_cli: RunCli) -> None:
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    for form in ("cyclonedx", "spdx"):
        call = ("bom", "model", *PUBLIC, "--with", "base", "--with", "data", "--format", form)
        first = _good(run_cli(*call, cwd=house)).stdout
        assert _good(run_cli(*call, cwd=house)).stdout == first
        claims = house / "model" / "model.claims"
        claims.write_bytes(b"".join(reversed(claims.read_bytes().splitlines(keepends=True))))
        assert _good(run_cli(*call, cwd=house)).stdout == first, "the order of claims means nothing"


def test_both_forms_say_the_same(house: Path, run_cli: RunCli) -> None:
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    for form in ("cyclonedx", "spdx"):
        call = ("bom", "model", *PUBLIC, "--with", "base", "--with", "data")
        _good(run_cli(*call, "--format", form, "-o", f"{form}.json", cwd=house))
    ran = run_cli("bom", "diff", "cyclonedx.json", "spdx.json", "--exit-code", cwd=house)
    assert ran.code == 0, ran.stdout


def test_without_anybody_trusted_no_claim_counts(house: Path, run_cli: RunCli) -> None:
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    document = _bom(run_cli, house, "model")
    root = _root(document)
    assert "licenses" not in root
    assert "pedigree" not in root
    assert "formulation" not in document
    assert properties(root)["weightmark:signed"][0].startswith("unverified: whom to trust")
    assert root["hashes"][0]["content"] == root["bom-ref"].removeprefix("wm1:")


def test_what_a_stranger_claims_counts_for_nothing(house: Path, run_cli: RunCli) -> None:
    forged = json.loads(json.dumps(STATED))
    forged["metadata"]["component"]["licenses"] = [{"license": {"id": "MIT"}}]
    _attest(run_cli, house, "model", "cyclonedx", forged, key="stranger.key")
    root = _root(_bom(run_cli, house, "model", *PUBLIC))
    assert "licenses" not in root
    assert "supplier" not in root
    assert properties(root)["weightmark:claims:unverified"] == ["1"]


def test_a_claim_about_another_artifact_counts_for_nothing(house: Path, run_cli: RunCli) -> None:
    shutil.copytree(house / "model", house / "twin")
    (house / "twin" / "model.safetensors").write_bytes(safetensors(b"wxyz"))
    for name in ("model.sig", "model.claims"):
        (house / "twin" / name).unlink()
    _good(run_cli("sign", "twin", *KEY, cwd=house))
    _attest(run_cli, house, "twin", "cyclonedx", STATED)
    root = _root(_bom(run_cli, house, "model", *PUBLIC, "--claims", "twin/model.claims"))
    assert "licenses" not in root
    assert int(properties(root)["weightmark:claims:about-others"][0]) > 0


def test_a_card_in_the_tree_fills_no_field(house: Path, run_cli: RunCli) -> None:
    """Its bytes may be signed: that its licence is true is nobody's word."""
    (house / "model" / "README.md").write_text("---\nlicense: mit\n---\n# a lie\n")
    (house / "model" / "config.json").write_text('{"architectures": ["FakeModel"]}')
    for signed in (False, True):
        if signed:
            _good(run_cli("sign", "model", *KEY, "--replace", cwd=house))
        trust = PUBLIC if signed else ()
        root = _root(_bom(run_cli, house, "model", *trust))
        assert "licenses" not in root
        assert "modelArchitecture" not in root["modelCard"].get("modelParameters", {})
        said = properties(root)
        assert said["weightmark:stated:licenses"] == ["mit"]
        assert said["weightmark:source:licenses"] == [
            "stated in the file README.md, which nobody vouches for"
        ]


def test_signing_a_document_does_not_make_claims_of_what_it_repeats(
    house: Path, run_cli: RunCli
) -> None:
    (house / "model" / "README.md").write_text("---\nlicense: mit\n---\n")
    _good(run_cli("sign", "model", *KEY, "--replace", cwd=house))
    _good(run_cli("bom", "model", *PUBLIC, "--name", "given", "-o", "made.json", cwd=house))
    call = ("attest", "model", "--type", "cyclonedx", "--predicate", "made.json", *KEY)
    _good(run_cli(*call, cwd=house))
    root = _root(_bom(run_cli, house, "model", *PUBLIC))
    assert "licenses" not in root
    assert "supplier" not in root


def test_signers_who_contradict_each_other_leave_a_field_unknown(
    house: Path, run_cli: RunCli
) -> None:
    other = json.loads(json.dumps(STATED))
    other["metadata"]["component"]["supplier"] = {"name": "Somebody Else"}
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    _attest(run_cli, house, "model", "cyclonedx", other, key="stranger.key")
    root = _root(_bom(run_cli, house, "model", *PUBLIC, "--key", "stranger.pub"))
    assert "supplier" not in root
    unknown = properties(
        _bom(run_cli, house, "model", *PUBLIC, "--key", "stranger.pub")["metadata"]
    )
    assert "contradict" in unknown["weightmark:unknown:supplier"][0]


def test_bytes_that_were_changed_after_signing_get_no_document(
    house: Path, run_cli: RunCli
) -> None:
    (house / "model" / "model.safetensors").write_bytes(safetensors(b"evil"))
    ran = run_cli("bom", "model", *PUBLIC, "-o", "out.json", cwd=house)
    assert ran.code == 1
    assert "no bill of materials was made" in ran.stderr
    assert not (house / "out.json").exists()
    root = _root(_bom(run_cli, house, "model", *PUBLIC, "--allow-contradicted"))
    assert properties(root)["weightmark:signed"][0].startswith("contradicted")
    assert "pedigree" not in root, "the step is about other bytes"


def test_an_artifact_signed_by_others_is_described_as_unverified(
    house: Path, run_cli: RunCli
) -> None:
    root = _root(_bom(run_cli, house, "model", "--key", "stranger.pub"))
    assert properties(root)["weightmark:signed"][0].startswith("unverified")
    assert "weightmark:signer" not in properties(root)


def test_claims_that_can_not_be_read_leave_the_answer_partial(house: Path, run_cli: RunCli) -> None:
    with (house / "model" / "model.claims").open("r+b") as file:
        file.truncate(65 * 1024 * 1024)
    ran = run_cli("bom", "model", *PUBLIC, cwd=house)
    assert ran.code == 4, ran.stderr
    assert "could be checked" in ran.stderr
    assert not cyclonedx_problems(ran.stdout)


def test_a_document_is_signed_as_a_claim_and_a_policy_can_demand_it(
    house: Path, run_cli: RunCli
) -> None:
    _good(run_cli("bom", "model", *PUBLIC, "-o", "bom.json", cwd=house))
    (house / "policy.toml").write_text(
        (house / _policy(house, run_cli)).read_text() + "\n[require.sbom]\nrole = 'release'\n"
    )
    gate = ("gate", "model", "--policy", "./policy.toml")
    denied = run_cli(*gate, cwd=house)
    assert denied.code == 1
    assert "sbom" in denied.stdout
    for kind, form in (("cyclonedx", "cyclonedx"), ("spdx", "spdx")):
        _good(run_cli("bom", "model", *PUBLIC, "--format", form, "-o", "bom.json", cwd=house))
        call = ("attest", "model", "--type", kind, "--predicate", "bom.json", *KEY)
        _good(run_cli(*call, cwd=house))
    _good(run_cli(*gate, cwd=house))


def _policy(house: Path, run_cli: RunCli) -> str:
    _good(run_cli("policy", "init", "-o", "first.toml", *PUBLIC, cwd=house))
    return "first.toml"


def test_a_dataset_gets_a_document_of_its_own_kind(house: Path, run_cli: RunCli) -> None:
    root = _root(_bom(run_cli, house, "data", *PUBLIC))
    assert root["type"] == "data"
    assert root["data"][0]["type"] == "dataset"
    assert root["licenses"][0]["license"]["id"] == "CC-BY-4.0"
    graph = _bom(run_cli, house, "data", *PUBLIC, form="spdx")["@graph"]
    [package] = [one for one in graph if one["type"] == "dataset_DatasetPackage"]
    assert package["dataset_datasetSize"] == 1


def test_a_single_file_is_its_own_digest(house: Path, run_cli: RunCli) -> None:
    import hashlib

    root = _root(_bom(run_cli, house, "base/model.safetensors"))
    data = (house / "base" / "model.safetensors").read_bytes()
    assert root["hashes"][0] == {"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}
    assert "components" not in root


def test_the_time_is_that_of_the_caller_or_unknown_and_never_now(
    house: Path, run_cli: RunCli
) -> None:
    assert "timestamp" not in _bom(run_cli, house, "model", *PUBLIC)["metadata"]
    call = ("bom", "model", *PUBLIC, "--format")
    epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
    ran = _good(run_cli(*call, "cyclonedx", cwd=house, env=epoch))
    document = json.loads(ran.stdout)
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert not cyclonedx_problems(ran.stdout)
    assert document["citations"][0]["attributedTo"] == "tool:weightmark"
    spdx = json.loads(_good(run_cli(*call, "spdx", cwd=house, env=epoch)).stdout)
    assert spdx["@graph"][0]["created"] == "2023-11-14T22:13:20Z"
    ran = run_cli(*call, "cyclonedx", cwd=house, env={"SOURCE_DATE_EPOCH": "yesterday"})
    assert ran.code == 2


def test_names_of_the_caller_and_of_files_are_inert(house: Path, run_cli: RunCli) -> None:
    evil = "<script>alert(1)</script>\x1b[31m\u202egnp.exe"
    (house / "model" / evil.replace("/", "_")).write_text("x")
    ran = _good(run_cli("bom", "model", "--name", evil * 300, cwd=house))
    text = ran.stdout
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert "<" not in text
    assert not cyclonedx_problems(text)
    root = _root(json.loads(text))
    assert root["name"].startswith(evil)
    assert len(root["name"]) < 1100
    assert evil.replace("/", "_") in {one["name"] for one in root["components"]}
    assert "\x1b" not in run_cli("bom", "model", "--name", evil, "-f", "text", cwd=house).stdout
    shown = run_cli("bom", "model", "--name", evil, "-f", "markdown", cwd=house).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_files_can_be_left_out(house: Path, run_cli: RunCli) -> None:
    document = _bom(run_cli, house, "model", "--no-files")
    assert "components" not in _root(document)
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert not spdx_problems(json.dumps(_bom(run_cli, house, "model", "--no-files", form="spdx")))


def test_the_answer_names_what_is_missing_and_the_command_that_adds_it(
    house: Path, run_cli: RunCli
) -> None:
    before = json.loads(_good(run_cli("bom", "model", *PUBLIC, "-f", "json", cwd=house)).stdout)
    missing = {one["name"]: one["fix"] for one in before["completeness"]["missing"]}
    assert missing["supplier"].startswith("weightmark attest model --type cyclonedx")
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    after = json.loads(_good(run_cli("bom", "model", *PUBLIC, "-f", "json", cwd=house)).stdout)
    assert after["completeness"]["known"] > before["completeness"]["known"]
    assert "supplier" not in {one["name"] for one in after["completeness"]["missing"]}


def test_no_reference_of_a_document_leads_nowhere_and_none_stands_twice(
    house: Path, run_cli: RunCli
) -> None:
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    document = _bom(run_cli, house, "model", *PUBLIC, "--with", "base", "--with", "data")
    given = [one["bom-ref"] for one in everything(document) if "bom-ref" in one]
    assert len(given) == len(set(given))
    used = [one["ref"] for one in everything(document) if "ref" in one]
    used += [one["assessor"] for one in everything(document) if "assessor" in one]
    used += [one["target"] for one in everything(document) if "predicate" in one]
    assert used
    assert set(used) <= set(given)


def test_a_missing_artifact_is_a_wrong_call_and_an_empty_one_nothing(
    house: Path, run_cli: RunCli
) -> None:
    (house / "empty").mkdir()
    assert run_cli("bom", "missing", cwd=house).code == 2
    assert run_cli("bom", "empty", cwd=house).code == 3
    assert run_cli("bom", "model", "--format", "xml", cwd=house).code == 2


def test_what_a_ledger_revokes_counts_no_longer(house: Path, run_cli: RunCli) -> None:
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    _good(run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house))
    _good(
        run_cli("revoke", "release.pub", "--reason", "lost", "--ledger", "ledger", *KEY, cwd=house)
    )
    call = ("bom", "model", *PUBLIC, "--ledger", "ledger")
    ran = run_cli(*call, cwd=house)
    assert ran.code == 1
    assert "lost" in ran.stderr
    assert not ran.stdout
    ran = run_cli(*call, "--allow-contradicted", cwd=house)
    assert "Acme GmbH" not in ran.stdout
    assert "verified" not in properties(_root(json.loads(ran.stdout)))["weightmark:signed"]


def test_two_documents_are_compared_whoever_wrote_them(house: Path, run_cli: RunCli) -> None:
    _attest(run_cli, house, "model", "cyclonedx", STATED)
    _good(run_cli("bom", "model", *PUBLIC, "-o", "before.json", cwd=house))
    (house / "model" / "extra.txt").write_text("new")
    ran = _good(run_cli("bom", "diff", "before.json", "model", "-f", "json", cwd=house))
    changes = {
        (one["kind"], one["name"], one["change"]) for one in json.loads(ran.stdout)["changes"]
    }
    assert ("file", "extra.txt", "added") in changes
    assert ("license", "the artifact", "removed") in changes, "nobody is trusted by this call"
    assert run_cli("bom", "diff", "before.json", "model", "--exit-code", cwd=house).code == 1
    shown = run_cli("bom", "diff", "before.json", "model", "-f", "markdown", cwd=house).stdout
    assert "extra.txt" in shown


def test_a_document_with_hostile_names_is_compared_in_inert_words(
    house: Path, run_cli: RunCli
) -> None:
    evil = "\x1b[2J\u202e<img src=x>|`"
    root = {"type": "machine-learning-model", "name": evil, "version": evil}
    plain = {"bomFormat": "CycloneDX", "specVersion": "1.7"}
    (house / "a.json").write_text(json.dumps({**plain, "metadata": {"component": root}}))
    (house / "b.json").write_text(json.dumps(plain))
    for form in ("text", "markdown"):
        shown = _good(run_cli("bom", "diff", "a.json", "b.json", "-f", form, cwd=house)).stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_a_damaged_document_is_refused_and_no_verdict(house: Path, run_cli: RunCli) -> None:
    (house / "cut.json").write_text('{"bomFormat": "CycloneDX", ')
    (house / "twice.json").write_text('{"bomFormat": "CycloneDX", "bomFormat": "CycloneDX"}')
    for name in ("cut.json", "twice.json"):
        assert run_cli("bom", "diff", name, "model", cwd=house).code == 1
    (house / "old.json").write_text('{"spdxVersion": "SPDX-2.3"}')
    assert run_cli("bom", "diff", "old.json", "model", cwd=house).code == 4


def test_a_missing_extra_is_told_with_the_command_that_installs_it(
    house: Path, spawn_cli: RunCli
) -> None:
    hidden = house / "hidden" / "spdx_python_model"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
    root = Path(__file__).parents[2]
    env = {"PYTHONPATH": f"{hidden.parent}:{root}"}
    ran = spawn_cli("bom", "model", "--format", "spdx", cwd=house, env=env)
    assert ran.code == 4, ran.stderr
    assert "pip install 'weightmark[bom]'" in ran.stderr
    assert not ran.stdout
    ran = spawn_cli("bom", "model", cwd=house, env=env)
    assert ran.code == 0, "CycloneDX needs no extra"
    assert not cyclonedx_problems(ran.stdout)


def test_a_failure_leaves_no_document_behind(house: Path, run_cli: RunCli) -> None:
    (house / "out.json").write_text("before")
    ran = run_cli("bom", "missing", "-o", "out.json", cwd=house)
    assert (ran.code, ran.stdout) == (2, "")
    assert (house / "out.json").read_text() == "before"


def test_a_receipt_or_claim_line_that_is_no_bundle_is_damage(house: Path, run_cli: RunCli) -> None:
    claims = house / "model" / "model.claims"
    claims.write_bytes(claims.read_bytes() + b"words\n")
    assert run_cli("bom", "model", *PUBLIC, cwd=house).code == 1
    assert run_cli("bom", "model", cwd=house).code == 0, "nothing beside it counts without trust"


def test_an_artifact_that_a_ledger_revokes_gets_no_document_whomever_the_call_trusts(
    house: Path, run_cli: RunCli
) -> None:
    _good(run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house))
    shown = json.loads(_good(run_cli("bom", "model", "-f", "json", cwd=house)).stdout)
    call = ("revoke", shown["identity"], "--reason", "poisoned", "--ledger", "ledger", *KEY)
    _good(run_cli(*call, cwd=house))
    for trust in (PUBLIC, ()):
        ran = run_cli("bom", "model", *trust, "--ledger", "ledger", cwd=house)
        assert (ran.code, ran.stdout) == (1, "")
        assert "poisoned" in ran.stderr
    ran = run_cli("bom", "model", *PUBLIC, "--ledger", "missing", cwd=house)
    assert ran.code in (2, 4)


def test_what_went_in_and_was_revoked_since_refuses_the_document(
    house: Path, run_cli: RunCli
) -> None:
    _good(run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house))
    base = json.loads(_good(run_cli("bom", "base", "-f", "json", cwd=house)).stdout)
    call = ("revoke", base["identity"], "--reason", "poisoned", "--ledger", "ledger", *KEY)
    _good(run_cli(*call, cwd=house))
    ran = run_cli("bom", "model", *PUBLIC, "--ledger", "ledger", cwd=house)
    assert ran.code == 1
    assert "poisoned" in ran.stderr


def test_files_that_no_signature_covers_are_named(house: Path, run_cli: RunCli) -> None:
    """A model signature leaves root git files out; without the claims beside it nobody holds them."""
    (house / "model" / ".gitattributes").write_text("* -text\n")
    _good(run_cli("sign", "model", *KEY, "--replace", cwd=house))
    (house / "model" / "model.claims").unlink()
    said = properties(_root(_bom(run_cli, house, "model", *PUBLIC)))
    assert said["weightmark:signed"] == ["verified"]
    assert said["weightmark:uncovered"] == [".gitattributes"]


def test_a_model_on_a_hub_is_described_by_its_pinned_address(
    house: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Hub.running() as hub:
        for name, value in hub.environment.items():
            monkeypatch.setenv(name, value)
        files = {path.name: path.read_bytes() for path in (house / "model").iterdir()}
        hub.add("models", "acme/qa", files)
        root = _root(_bom(run_cli, house, "hf://acme/qa", *PUBLIC))
        assert run_cli("bom", "hf://acme/qa", "--offline", cwd=house).code == 4
    assert root["bom-ref"] == _root(_bom(run_cli, house, "model"))["bom-ref"]
    [where] = root["externalReferences"]
    assert where["url"].startswith("hf://models/acme/qa@")
    assert properties(root)["weightmark:signed"] == ["verified"]


def test_the_time_is_that_of_the_newest_verified_claim_whatever_the_environment_says(
    house: Path, run_cli: RunCli
) -> None:
    tsa = LoopbackTsa()
    try:
        for seconds, kind in ((-100, "older"), (-10, "newer")):
            tsa.clock.offset = timedelta(seconds=seconds)
            (house / "said.json").write_text(json.dumps({"purl": f"pkg:generic/{kind}@1"}))
            call = ("--type", "release", "--predicate", "said.json", *KEY, "--tsa-url", tsa.url)
            _good(run_cli("attest", "model", *call, cwd=house))
        newest = tsa.clock.now()
        chain = [one.public_bytes(Encoding.PEM) for one in tsa.authority.leaf.chain]
    finally:
        tsa.server.stop()
    (house / "tsa.pem").write_bytes(b"".join(chain))
    trusted = (*PUBLIC, "--tsa-chain", "tsa.pem")
    ran = run_cli("bom", "model", *trusted, cwd=house, env={"SOURCE_DATE_EPOCH": "1700000000"})
    document = json.loads(_good(ran).stdout)
    assert not cyclonedx_problems(ran.stdout)
    said = datetime.fromisoformat(document["metadata"]["timestamp"])
    assert timedelta() <= newest - said < timedelta(seconds=60)
    root = document["metadata"]["component"]
    assert root["version"] == "1"
    assert "purl" not in root, "two signed statements call it differently"
    assert {one["attributedTo"] for one in document["citations"]} > {"tool:weightmark"}
    ran = run_cli("bom", "model", *PUBLIC, cwd=house)
    assert "timestamp" not in json.loads(ran.stdout)["metadata"], "nobody verified that clock"


def test_a_chain_that_is_deeper_than_was_followed_leaves_the_answer_partial(
    house: Path, run_cli: RunCli
) -> None:
    """`base` was made from something as well; with one step that is not seen."""
    (house / "w").write_text("w")
    _good(run_cli("sign", "w", *KEY, "--no-scan", cwd=house))
    shutil.rmtree(house / "model")
    for one, from_ in (("m1", "w"), ("m2", "m1")):
        told = ("--step", "finetune", "--input", f"base=./{from_}", "--output", f"./{one}")
        making = ("--", "sh", "-c", f"mkdir {one} && echo {one} > {one}/w")
        _good(run_cli("record", *told, *KEY, *making, cwd=house))
    call = ("bom", "m2", *PUBLIC, "--with", "m1", "--with", "w")
    _good(run_cli(*call, cwd=house))
    ran = run_cli(*call, "--max-depth", "1", cwd=house)
    assert ran.code == 4, ran.stderr
    assert "--max-depth" not in ran.stdout
    assert "deeper than 1" in ran.stderr
    assert not cyclonedx_problems(ran.stdout)


def test_what_is_too_much_is_cut_aloud(house: Path, run_cli: RunCli) -> None:
    many = json.loads(json.dumps(STATED))
    card = many["metadata"]["component"]["modelCard"]
    card["considerations"]["useCases"] = [f"use {number}" for number in range(150)]
    _attest(run_cli, house, "model", "cyclonedx", many)
    card = _root(_bom(run_cli, house, "model", *PUBLIC))["modelCard"]
    assert card["considerations"]["useCases"][-1] == "… (cut, 150 in all)"


def test_a_document_is_not_written_among_the_files_that_it_describes(
    house: Path, run_cli: RunCli
) -> None:
    ran = run_cli("bom", "model", "-o", "model/bom.json", cwd=house)
    assert ran.code == 2
    assert not (house / "model" / "bom.json").exists()


@pytest.mark.parametrize("form", [("shards", "sha256"), ("files", "blake2b")])
def test_a_signature_in_other_digests_is_verified_by_another_read(
    house: Path, run_cli: RunCli, form: tuple[str, str]
) -> None:
    method, digest = form
    how = ("--oms-method", method, "--oms-hash", digest, "--replace")
    _good(run_cli("sign", "model", *KEY, *how, cwd=house))
    (house / "model" / "model.claims").unlink()
    said = properties(_root(_bom(run_cli, house, "model", *PUBLIC)))
    assert said["weightmark:signed"] == ["verified"]
    (house / "model" / "model.safetensors").write_bytes(safetensors(b"evil"))
    assert run_cli("bom", "model", *PUBLIC, cwd=house).code == 1
