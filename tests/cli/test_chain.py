"""`weightmark chain`: the tree, its gaps with the command that closes them, and the bytes."""

import json
from pathlib import Path

import pytest

from tests.attestations.gate_makers import safetensors
from tests.cli.running import RunCli


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """A base and a model that a signed statement says was fine-tuned from it."""
    for name, payload in (("base", b"abcd"), ("model", b"abcd"), ("other", b"ABCDE")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(safetensors(payload))
        (tmp_path / name / "note.txt").write_text(name)
    assert run_cli("key", "generate", "-o", "release.key", cwd=tmp_path).code == 0
    for name in ("base", "model", "other"):
        done = run_cli("sign", name, "--key", "release.key", cwd=tmp_path)
        assert done.code == 0, done.stderr
    return tmp_path


def _state(
    house: Path, run_cli: RunCli, parent: str, step: str = "finetune", **more: object
) -> None:
    done = run_cli("digest", parent, "-f", "json", cwd=house)
    identity = json.loads(done.stdout)["artifacts"][0]["identity"]
    link = {
        "name": parent,
        "mediaType": "application/vnd.weightmark.manifest.v1",
        "digest": {"sha256": identity.removeprefix("wm1:")},
        **more,
    }
    predicate = {
        "buildDefinition": {
            "buildType": f"https://weightmark/buildtypes/{step}/v1",
            "externalParameters": {},
            "resolvedDependencies": [link],
        },
        "runDetails": {"builder": {"id": "https://example.org/b"}},
    }
    (house / "p.json").write_text(json.dumps(predicate))
    args = ("--type", "provenance", "--predicate", "p.json", "--key", "release.key")
    done = run_cli("attest", "model", *args, cwd=house)
    assert done.code == 0, done.stderr


def test_a_chain_is_shown_as_a_tree(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", "--with", "base", cwd=house)
    assert done.code == 0, done.stderr
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("✓ model")
    assert second.startswith("└─ ✓ base")
    assert any("consistent" in line for line in rest)


def test_an_end_that_nobody_vouches_for_names_the_command_that_would(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", cwd=house)
    assert done.code == 1
    assert "weightmark attest PATH --type approval" in done.stdout


def test_bytes_that_contradict_the_statement_are_refused(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "other", "convert")
    done = run_cli("chain", "model", "--key", "release.pub", "--with", "other", cwd=house)
    assert done.code == 1
    assert "contradicted" in done.stdout


def test_a_statement_by_somebody_else_is_no_chain(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    assert run_cli("key", "generate", "-o", "other.key", cwd=house).code == 0
    done = run_cli("chain", "model", "--key", "other.pub", "-f", "json", cwd=house)
    assert done.code == 1
    assert [gap["kind"] for gap in json.loads(done.stdout)["gaps"]] == ["unproven-artifact"]


def test_whom_to_trust_has_to_be_said(house: Path, run_cli: RunCli) -> None:
    assert run_cli("chain", "model", cwd=house).code == 2


@pytest.mark.parametrize(
    ("form", "word"), [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")]
)
def test_it_is_drawn(house: Path, run_cli: RunCli, form: str, word: str) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", "--draw", form, cwd=house)
    assert done.stdout.startswith(word)
    assert "finetune" in done.stdout


def test_machines_get_claim_ids_with_their_algorithm_and_each_check_once(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    _state(house, run_cli, "other")
    done = run_cli("chain", "model", "--key", "release.pub", "-f", "json", cwd=house)
    said = json.loads(done.stdout)
    assert all(step["claim_id"].startswith("sha256:") for step in said["steps"])
    names = [one["name"] for one in said["checks"]]
    assert len(names) == len(set(names))


def test_an_ancestor_without_claims_is_named(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    for file in ("model.sig", "model.claims"):
        (house / "base" / file).unlink()
    done = run_cli("chain", "model", "--key", "release.pub", "--with", "base", cwd=house)
    assert done.code == 1
    assert "there are no claims beside `base`" in done.stdout
    assert "weightmark attest base --type approval" in done.stdout
    assert "└─ ✗ base  wm1:" in done.stdout
