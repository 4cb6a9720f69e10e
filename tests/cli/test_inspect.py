"""`weightmark inspect`: what a file says of itself in plain words, and never a verdict."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import FILES, bundle, make_tree, oms_statement, sign
from tests.cli.running import RunCli
from tests.conftest import ROOT
from weightmark.attestations.statements import Statement

VECTORS = ROOT.parent / "shared" / "vectors"


def words(text: str) -> dict[str, str]:
    """Return the first sentence under each label."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        label, _, said = line.strip().partition("  ")
        found.setdefault(label, said.strip())
    return found


@pytest.mark.needs("vectors")
def test_a_keyless_bundle_says_who_when_and_how_it_would_be_checked(run_cli: RunCli) -> None:
    done = run_cli("inspect", str(VECTORS / "model-transparency/v1.1.0-sigstore/model.sig"))
    said = words(done.stdout)
    assert done.code == 0
    assert said["signed by"] == "`stefanb@us.ibm.com` at `https://sigstore.verify.ibm.com/oauth2`"
    assert "2 files (`signme-1`, `signme-2`), whole files by sha256" in said["states"]
    assert "leaves out `ignore-me`" in said["states"]
    assert said["valid from"] == "2025-10-10T02:12:19Z"
    assert "entry 598151086" in said["logged"]
    assert said["timestamp"].startswith("2025-10-10T02:12:20Z as it says")
    assert "--identity stefanb@us.ibm.com --issuer https://sigstore" in said["to check it"]
    assert "nothing was verified" in done.stderr


@pytest.mark.needs("vectors")
def test_every_published_bundle_is_described_or_refused_as_malformed(run_cli: RunCli) -> None:
    bundles = sorted(
        (VECTORS / "sigstore-conformance" / "bundle-verify").glob("*/bundle.sigstore.json")
    )
    assert len(bundles) > 60
    for path in bundles:
        done = run_cli("inspect", str(path))
        assert done.code in (0, 1, 4), path
        if done.code == 0:
            assert "signed by" in words(done.stdout), path


def test_a_claim_that_nobody_can_check_is_not_called_bad(run_cli: RunCli, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "model", FILES)
    sign(tree)
    (line, *_) = (tree / "model.claims").read_bytes().splitlines()
    document = json.loads(line)
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(b"forged").decode()
    (tmp_path / "forged.json").write_text(json.dumps(document))
    done = run_cli("inspect", str(tmp_path / "forged.json"))
    assert done.code == 0
    assert words(done.stdout)["states"].startswith("the artifact holds exactly")


def test_a_hostile_name_is_shown_inert(run_cli: RunCli, tmp_path: Path) -> None:
    statement = oms_statement()
    statement["subject"][0]["name"] = "model\u001b[2J\u202egnp.exe\nsigned by  you"
    hostile = json.dumps(bundle(statement))
    (tmp_path / "hostile.sig").write_text(hostile)
    done = run_cli("inspect", str(tmp_path / "hostile.sig"))
    assert done.code == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert words(done.stdout)["signed by"] != "you"


def test_json_keeps_the_whole_predicate(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "model.sig").write_text(json.dumps(bundle(oms_statement())))
    done = run_cli("inspect", str(tmp_path / "model.sig"), "-f", "json")
    (entry,) = json.loads(done.stdout)["entries"]
    assert entry["predicate"]["resources"]
    assert entry["log_entries"] == entry["timestamps"] == []
    assert entry["version"] == "0.3"


def test_what_verify_reads_from_other_tools_can_be_inspected(
    run_cli: RunCli, tmp_path: Path
) -> None:
    tree = make_tree(tmp_path / "model", FILES)
    sign(tree)
    (line, *_) = (tree / "model.claims").read_bytes().splitlines()
    envelope = json.loads(line)["dsseEnvelope"]
    envelope["signatures"] = [{**envelope["signatures"][0], "keyid": word} for word in "ab"]
    (tmp_path / "envelope.json").write_text(json.dumps(envelope, indent=1))
    done = run_cli("inspect", str(tmp_path / "envelope.json"))
    assert done.code == 0
    assert "signature 1 of line 1: bundle v0.3" in done.stdout
    assert "a key with the hint `b`" in done.stdout
    (tmp_path / "list.json").write_text(
        json.dumps({"attestations": [{"bundle": json.loads(line)}]})
    )
    listed = run_cli("inspect", str(tmp_path / "list.json"), "-f", "json")
    assert json.loads(listed.stdout)["entries"][0]["predicate_type"]
    (tmp_path / "old.json").write_text('{"base64Signature": "AA==", "cert": "x"}')
    assert run_cli("inspect", str(tmp_path / "old.json")).code == 4


IDENTITY = "wm1:" + "0" * 64


@pytest.mark.parametrize(
    ("predicate", "fields", "said"),
    [
        (
            "revocation",
            {"subject": IDENTITY, "reason": "poisoned \x1b[31mdata"},
            f"`{IDENTITY}` is revoked: poisoned",
        ),
        ("deployment", {"target": "prod"}, "a statement of the type `deployment`, target: prod"),
        ("deployment", {"target": 7}, "but not in its form"),
        ("unheard-of", {"hue": "blue"}, "predicates/unheard-of/v1`, hue: blue"),
    ],
)
def test_what_is_revoked_deployed_or_new_is_said(
    run_cli: RunCli, tmp_path: Path, predicate: str, fields: dict[str, Any], said: str
) -> None:
    kind = f"https://weightmark/predicates/{predicate}/v1"
    statement = json.loads(Statement.about_manifest(IDENTITY, IDENTITY, kind, fields, {}))
    (tmp_path / "claim.json").write_text(json.dumps(bundle(statement)))
    done = run_cli("inspect", str(tmp_path / "claim.json"))
    assert done.code == 0, done
    assert said in words(done.stdout)["states"], done.stdout
    assert "\x1b" not in done.stdout
