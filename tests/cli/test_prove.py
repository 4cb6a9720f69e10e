"""`digest --prove` and `verify --proof`: proofs that travel without the dataset."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Ran, RunCli

LINE = '{"text": "hello"}'


@pytest.fixture
def dataset(run_cli: RunCli, quiet_environment: Path) -> Path:
    """Make a dataset, and two keys beside it."""
    root = quiet_environment / "dataset"
    root.mkdir()
    (root / "README.md").write_text("a dataset\n", encoding="utf-8")
    (root / "train.jsonl").write_text(f'{LINE}\n{{"text": "you"}}\n', encoding="utf-8")
    for name in ("owner", "mallory"):
        assert run_cli("key", "generate", "-o", f"{name}.key").code == 0
    return root


@pytest.fixture
def identity(run_cli: RunCli, dataset: Path) -> str:
    return run_cli("digest", str(dataset)).stdout.split()[0]


def prove(run_cli: RunCli, member: str, *options: str) -> None:
    ran = run_cli("digest", "dataset", "--prove", member, "-o", "proof.json", *options)
    assert ran.code == 0, ran.stderr


def check(run_cli: RunCli, identity: str, *options: str) -> Ran:
    return run_cli("verify", identity, "--proof", "proof.json", *options)


def alter(home: Path, **changes: Any) -> None:
    path = home / "proof.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes), encoding="utf-8")


def test_a_file_is_proven_without_the_dataset_and_without_a_key(
    run_cli: RunCli, dataset: Path, identity: str
) -> None:
    prove(run_cli, "README.md")
    for file in dataset.iterdir():
        file.unlink()
    ran = check(run_cli, identity)
    assert ran.code == 0
    assert "`README.md` is in the artifact" in ran.stdout


def test_a_proof_of_absence_never_passes_for_a_proof_of_presence(
    run_cli: RunCli, identity: str
) -> None:
    prove(run_cli, "evil.bin")
    assert check(run_cli, identity).code == 1
    assert check(run_cli, identity, "--absent").code == 0
    prove(run_cli, "README.md")
    assert check(run_cli, identity, "--absent").code == 1


def test_what_was_asked_about_is_echoed_and_absence_is_said_to_be_absence(
    run_cli: RunCli, dataset: Path, identity: str
) -> None:
    member = "train.jsonl!3"
    ran = run_cli("digest", "dataset", "--prove", member, "--key", "owner.key", "-o", "proof.json")
    assert ran.code == 0, "a proof was written, of whatever"
    assert f"`{member}` is not in `dataset`" in ran.stderr
    refused = check(run_cli, identity, "--key", "owner.pub")
    assert refused.code == 1
    assert refused.stdout.splitlines()[-1].startswith("✗ proven absent: ")
    assert "RECORD is the line's text" in run_cli("digest", "--help").stdout.replace("\n", " ")


def test_a_record_is_proven_by_whoever_signed_the_tree(run_cli: RunCli, identity: str) -> None:
    prove(run_cli, f"train.jsonl!{LINE}", "--key", "owner.key")
    assert check(run_cli, identity, "--key", "owner.pub").code == 0
    assert check(run_cli, identity).code == 2
    refused = check(run_cli, identity, "--key", "mallory.pub")
    assert refused.code == 1
    assert "wrong-signer" in refused.stderr


def test_a_record_that_nobody_vouches_for_could_not_be_checked(
    run_cli: RunCli, identity: str
) -> None:
    prove(run_cli, f"train.jsonl!{LINE}")
    assert check(run_cli, identity, "--key", "owner.pub").code == 4


def test_a_signed_tree_of_one_file_does_not_speak_for_another(
    run_cli: RunCli, quiet_environment: Path, identity: str
) -> None:
    prove(run_cli, f"train.jsonl!{LINE}", "--key", "owner.key")
    alter(quiet_environment, file="test.jsonl")
    ran = check(run_cli, identity, "--key", "owner.pub")
    assert ran.code == 1
    assert "another tree" in ran.stderr


def test_a_proof_speaks_for_its_own_identity_only(
    run_cli: RunCli, quiet_environment: Path, identity: str
) -> None:
    other = f"wm1:{'0' * 64}"
    prove(run_cli, f"train.jsonl!{LINE}", "--key", "owner.key")
    assert check(run_cli, other, "--key", "owner.pub").code == 1
    alter(quiet_environment, identity=other)
    assert check(run_cli, other, "--key", "owner.pub").code == 1
    assert check(run_cli, identity, "--key", "owner.pub").code == 1


def test_another_claim_by_the_signer_states_no_tree(
    run_cli: RunCli, quiet_environment: Path, dataset: Path, identity: str
) -> None:
    assert run_cli("sign", str(dataset), "--key", "owner.key").code in (0, 3)
    claims = (dataset / "model.claims").read_text(encoding="utf-8").splitlines()
    prove(run_cli, f"train.jsonl!{LINE}", "--key", "owner.key")
    alter(quiet_environment, claim=json.loads(claims[0]))
    ran = check(run_cli, identity, "--key", "owner.pub")
    assert ran.code == 1
    assert "states no tree" in ran.stderr


def test_a_path_is_no_identity_to_check_a_proof_against(run_cli: RunCli, identity: str) -> None:
    prove(run_cli, "README.md")
    assert identity
    assert check(run_cli, "dataset").code == 2


def test_a_proof_that_is_not_there_is_a_wrong_call(run_cli: RunCli, identity: str) -> None:
    assert run_cli("verify", identity, "--proof", "missing.json").code == 2


def test_one_proof_is_about_one_artifact(run_cli: RunCli, dataset: Path) -> None:
    assert run_cli("digest", str(dataset), str(dataset), "--prove", "README.md").code == 2


@pytest.mark.parametrize(("digest", "code"), [("good", 0), ("wrong", 1)])
def test_digest_holds_a_croissant_against_the_files(
    run_cli: RunCli, dataset: Path, digest: str, code: int
) -> None:
    stated = hashlib.sha256((dataset / "train.jsonl").read_bytes()).hexdigest()
    file = {
        "@type": "cr:FileObject",
        "contentUrl": "train.jsonl",
        "sha256": stated if digest == "good" else "0" * 64,
    }
    document = {"conformsTo": "http://mlcommons.org/croissant/1.0", "distribution": [file]}
    (dataset / "croissant.json").write_text(json.dumps(document), encoding="utf-8")
    assert run_cli("digest", str(dataset), "--sha256").code == code
    assert run_cli("digest", str(dataset)).code == 0


def test_a_proof_has_to_be_about_the_record_that_was_asked_for(
    run_cli: RunCli, identity: str
) -> None:
    prove(run_cli, f"train.jsonl!{LINE}", "--key", "owner.key")
    whom = ("--key", "owner.pub")
    assert check(run_cli, identity, *whom, "--member", f"train.jsonl!{LINE}").code == 0
    for other in (f"train.jsonl!{LINE} ", "train.jsonl", f"README.md!{LINE}", "README.md"):
        ran = check(run_cli, identity, *whom, "--member", other)
        assert ran.code == 1, other
        assert "the proof is about another member" in ran.stderr
        assert "hint: " in ran.stderr


def test_a_proof_of_a_file_is_none_of_its_records(run_cli: RunCli, identity: str) -> None:
    prove(run_cli, "train.jsonl")
    assert check(run_cli, identity, "--member", "train.jsonl").code == 0
    assert check(run_cli, identity, "--member", f"train.jsonl!{LINE}").code == 1


@pytest.mark.usefixtures("dataset")
@pytest.mark.parametrize("option", [("--absent",), ("--member", "a")])
def test_what_a_proof_should_show_is_refused_without_a_proof(
    run_cli: RunCli, option: tuple[str, ...]
) -> None:
    ran = run_cli("verify", "dataset", "--key", "owner.pub", *option)
    assert ran.code == 2
    assert "`--proof FILE`" in ran.stderr


@pytest.mark.usefixtures("dataset")
def test_a_key_without_a_proof_is_refused_on_the_line_and_not_in_the_environment(
    run_cli: RunCli,
) -> None:
    assert run_cli("digest", "dataset", "--key", "owner.key").code == 2
    assert run_cli("digest", "dataset", env={"WEIGHTMARK_KEY": "owner.key"}).code == 0


@pytest.mark.parametrize("wrong", ["wm1:72", "wm1:", "wm1:" + "G" * 64, "wm1:" + "a" * 65])
def test_an_identity_that_is_none_is_a_wrong_call(
    run_cli: RunCli, identity: str, wrong: str
) -> None:
    assert identity
    prove(run_cli, "README.md")
    assert check(run_cli, wrong).code == 2
