"""What a newcomer is told by `gate`, `chain`, `policy` and `key`: commands that run, and words that fit."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.cli.running import RunCli


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """A signed model, its key, and a policy that its owner signed."""
    from tests.attestations.gate_makers import make_model

    make_model(tmp_path / "model")
    for name in ("release", "owner"):
        assert run_cli("key", "generate", "-o", f"{name}.key", cwd=tmp_path).code == 0
    assert run_cli("sign", "model", "--key", "release.key", cwd=tmp_path).code == 0
    (tmp_path / "p.toml").write_text(
        "version = 1\nname = 'house rules'\nrevision = 2\nexpires = 2099-01-01\n[roles.release]\nkeys = ['release.pub']\n[require.release]\n"
    )
    signed = run_cli("policy", "sign", "p.toml", "--key", "owner.key", cwd=tmp_path)
    assert signed.code == 0, signed.stderr
    return tmp_path


def test_a_policy_by_another_owner_is_called_a_policy(house: Path, run_cli: RunCli) -> None:
    call = ("gate", "model", "--policy", "./p.toml", "--policy-key")
    done = run_cli(*call, "release.pub", cwd=house)
    assert done.code == 1
    assert "the policy `p.toml` is not signed by the owner" in done.stderr
    assert "the public key of the policy's owner" in done.stderr
    assert run_cli(*call, "owner.pub", cwd=house).code == 0


def test_an_honest_policy_below_the_least_revision_is_not_called_tampered(
    house: Path, run_cli: RunCli
) -> None:
    done = run_cli(
        *("gate", "model", "--policy", "./p.toml", "--policy-key", "owner.pub"),
        *("--policy-name", "house rules", "--policy-min-revision", "3"),
        cwd=house,
    )
    assert done.code == 1
    assert "error[refused]" in done.stderr
    assert "tampered" not in done.stderr


def test_a_file_of_a_signed_folder_is_told_of_the_folder(house: Path, run_cli: RunCli) -> None:
    done = run_cli("gate", "model/config.json", "--policy", "./p.toml", cwd=house)
    assert done.code == 1
    assert "`model`, which holds it, has claims of its own" in done.stdout
    away = house / "alone.json"
    away.write_bytes(b"{}")
    assert (
        "has claims of its own"
        not in run_cli("gate", "alone.json", "--policy", "./p.toml", cwd=house).stdout
    )


def test_a_chain_of_a_mere_identity_says_that_it_needs_files(house: Path, run_cli: RunCli) -> None:
    done = run_cli("chain", f"wm1:{'0' * 64}", "--key", "release.pub", cwd=house)
    assert done.code == 2
    assert "is an identity" in done.stderr
    assert "name the folder or file" in done.stderr


def test_a_command_that_chain_proposes_runs_as_it_stands(house: Path, run_cli: RunCli) -> None:
    done = run_cli("chain", "model", "--key", "owner.pub", "-f", "json", cwd=house)
    assert done.code == 1
    (gap,) = json.loads(done.stdout)["gaps"]
    words = shlex.split(gap["fix"].split("`")[3])
    assert words[:3] == ["weightmark", "attest", "model"]
    words[words.index("DATE")] = "2099-01-01"
    words[words.index("KEY")] = "owner.key"
    assert run_cli(*words[1:], cwd=house).code == 0
    assert run_cli("chain", "model", "--key", "owner.pub", cwd=house).code == 0


def test_the_way_to_close_a_gap_stands_in_the_tree_alone(house: Path, run_cli: RunCli) -> None:
    done = run_cli("chain", "model", "--key", "owner.pub", cwd=house)
    assert done.stdout.count("--type approval") == 1
    assert "beside each `✗` in the tree" in done.stdout


def test_a_misspelt_severity_names_the_one_that_was_meant(house: Path, run_cli: RunCli) -> None:
    (house / "p.toml").write_text(
        "version = 1\n[roles.release]\nkeys = ['release.pub']\n[require.release]\n"
        "[scan]\nfail_on = 'hihg'\n"
    )
    done = run_cli("policy", "check", "p.toml", cwd=house)
    assert done.code == 2
    assert "did you mean `high`?" in done.stderr
    assert done.stderr.count("no severity") == 0


def test_what_a_preset_leaves_open_is_mended_in_a_copy(house: Path, run_cli: RunCli) -> None:
    done = run_cli("policy", "check", "strict", cwd=house)
    assert done.code == 0
    assert "weightmark policy init MODEL --preset strict" in done.stdout
    assert "--preset" not in run_cli("policy", "check", "p.toml", cwd=house).stdout


def test_a_key_has_an_id_and_advice_is_called_a_hint(house: Path, run_cli: RunCli) -> None:
    for call in (("key", "generate", "-o", "new.key"), ("key", "show", "release.pub")):
        done = run_cli(*call, cwd=house)
        assert "key id       " in done.stdout + done.stderr
        assert "hint         " not in done.stdout + done.stderr


def test_a_number_that_is_none_is_told_in_plain_words(house: Path, run_cli: RunCli) -> None:
    done = run_cli("ledger", "show", "abc", cwd=house)
    assert done.code == 2
    assert "`abc` is no whole number" in done.stderr
    assert "integer range" not in done.stderr


def test_what_places_the_ledger_beneath_the_root_names_both(house: Path, run_cli: RunCli) -> None:
    done = run_cli(
        *("gate", "serve", "--root", ".", "--ledger", "L", "--policy", "baseline"),
        *("--key", "release.pub"),
        cwd=house,
    )
    assert done.code == 2
    assert "the ledger `L` lies beneath `--root .`" in done.stderr


def test_text_is_not_told_to_be_converted_and_is_named_once(house: Path, run_cli: RunCli) -> None:
    with (house / "p.toml").open("a") as rules:
        rules.write("[scan]\nallow_formats = ['safetensors']\n")
    (house / "data").mkdir()
    (house / "data" / "train.txt").write_text("one two three\n" * 20)
    assert run_cli("sign", "data", "--key", "release.key", cwd=house).code == 0
    done = run_cli("gate", "data", "--policy", "./p.toml", cwd=house)
    assert done.code == 1
    assert done.stdout.count("`train.txt` is") == 1
    assert "weightmark convert" not in done.stdout


def test_an_ancestor_without_tensors_is_said_not_to_be_compared(
    house: Path, run_cli: RunCli
) -> None:
    for name in ("rows", "made"):
        (house / name).mkdir()
        (house / name / "rows.csv").write_text(f"{name},b\n1,2\n")
    copy = "import pathlib; pathlib.Path('made/new.csv').write_text('1,2\\n')"
    recorded = run_cli(
        *("record", "--step", "preprocess", "--input", "data=rows", "--output", "made"),
        *("--key", "release.key", "--", sys.executable, "-c", copy),
        cwd=house,
    )
    assert recorded.code == 0, recorded.stderr
    done = run_cli(
        *("gate", "made", "--policy", "baseline", "--key", "release.pub", "--with", "rows"),
        cwd=house,
    )
    assert "weights are not compared: no step has tensors on both sides" in done.stdout


def test_another_policy_in_a_ledger_changes_decisions_without_calling_that_good(
    house: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "gate.key", cwd=house).code == 0
    assert run_cli("ledger", "init", "L", "--admit", "gate.pub", cwd=house).code == 0
    kept = ("--ledger", "L", "--record", "--signing-key", "gate.key")
    done = run_cli("gate", "model", "--policy", "./p.toml", *kept, cwd=house)
    assert done.code == 0, done.stderr
    (house / "new.toml").write_text(
        (house / "p.toml").read_text() + "[scan]\nallow_formats = ['safetensors']\n"
    )
    done = run_cli("policy", "what-if", "new.toml", "--ledger", "L", cwd=house)
    assert done.code == 0, done.stderr
    assert "- 1 of 1 decisions would change" in done.stdout
