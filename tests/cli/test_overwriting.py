"""No answer takes the place of what the same call reads: keys, policies, claims, ledgers, models."""

import json
from pathlib import Path

import pytest

from tests.attestations.gate_makers import safetensors
from tests.cli.running import RunCli


@pytest.fixture
def place(quiet_environment: Path, run_cli: RunCli) -> Path:
    """A signed model, a policy that names a key file, and a ledger."""
    (quiet_environment / "model").mkdir()
    (quiet_environment / "model" / "w.safetensors").write_bytes(safetensors())
    for name in ("release", "gate"):
        assert run_cli("key", "generate", "-o", f"{name}.key").code == 0
    assert run_cli("sign", "model", "--key", "release.key").code == 0
    (quiet_environment / "p.toml").write_text(
        "version = 1\n[roles.release]\nkeys = ['release.pub']\n[require.release]\n"
    )
    assert run_cli("ledger", "init", "L", "--admit", "gate.pub").code == 0
    (quiet_environment / "more.claims").write_bytes(
        (quiet_environment / "model" / "model.claims").read_bytes()
    )
    return quiet_environment


WORDS = ("--policy", "./p.toml", "--ledger", "L", "--claims", "more.claims")


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (("--vsa", "gate.key", "--signing-key", "gate.key"), "gate.key"),
        (("--decision", "p.toml"), "p.toml"),
        (("--report", "json=./p.toml"), "p.toml"),
        (("--report", "json=release.pub"), "release.pub"),
        (("--report", "json=linked.pub"), "release.pub"),
        (("--report", "json=L/ledger.db"), "L/ledger.db"),
        (("--report", "json=L/new.json"), "L/new.json"),
        (("--report", "sarif=more.claims"), "more.claims"),
        (("-f", "json", "-o", "release.pub"), "release.pub"),
        (("-f", "json", "-o", "L/ledger.db"), "L/ledger.db"),
        (("-f", "json", "-o", "p.toml"), "p.toml"),
    ],
)
@pytest.mark.parametrize("wrong", [(), ("--mode", "wrong"), ("--unknown",)])
def test_what_the_gate_reads_is_not_replaced_by_what_it_writes(
    place: Path, run_cli: RunCli, words: tuple[str, ...], lost: str, wrong: tuple[str, ...]
) -> None:
    (place / "linked.pub").symlink_to("release.pub")
    before = (place / lost).read_bytes() if (place / lost).exists() else None
    ran = run_cli("gate", "model", *WORDS, *words, *wrong)
    assert ran.code == 2
    assert wrong or "which this call reads" in ran.stderr
    assert (before is None) == (not (place / lost).exists())
    assert before is None or (place / lost).read_bytes() == before


@pytest.mark.parametrize("words", [("verify", "model"), ("scan", "model"), ("digest", "model")])
def test_the_answer_of_any_command_replaces_no_key(
    place: Path, run_cli: RunCli, words: tuple[str, ...]
) -> None:
    (place / "settings.toml").write_text("")
    before = (place / "release.pub").read_bytes()
    key = ("--key", "release.pub", "-o", "release.pub") if words[0] == "verify" else ()
    other = () if key else ("--config", "settings.toml", "-o", "settings.toml")
    assert run_cli(*words, *key, *other).code == 2
    assert (place / "release.pub").read_bytes() == before
    assert (place / "settings.toml").read_text() == ""


def test_files_of_their_own_are_written_as_before(place: Path, run_cli: RunCli) -> None:
    (place / "old.json").write_text("old")
    ran = run_cli("gate", "model", *WORDS, "--report", "json=old.json", "-o", "answer.txt")
    assert ran.code == 0, ran.stderr
    assert json.loads((place / "old.json").read_text())["exit"] == 0


def test_a_path_that_is_missing_is_said_before_any_decision_enters_the_ledger(
    place: Path, run_cli: RunCli
) -> None:
    size = (place / "L" / "ledger.db").stat().st_size
    keys = ("--record", "--signing-key", "gate.key")
    ran = run_cli("gate", "model", "gone", *WORDS, *keys)
    assert ran.code == 2
    assert "`gone` does not exist" in ran.stderr
    assert (place / "L" / "ledger.db").stat().st_size == size
    assert '"decision"' not in run_cli("ledger", "list", "L", "-f", "json").stdout


def test_a_wrong_call_for_a_later_path_hides_no_decision_about_an_earlier_one(
    place: Path, run_cli: RunCli
) -> None:
    (place / "policies").mkdir()
    (place / "policies" / "w.safetensors").write_bytes(safetensors())
    for name in ("p.toml", "release.pub"):
        (place / "policies" / name).write_bytes((place / name).read_bytes())
    words = ("gate", "model", "policies", "--policy", "policies/p.toml", "-f", "json")
    ran = run_cli(*words)
    assert ran.code not in {0, 1}
    assert "lies inside the artifact" in ran.stdout
    assert "allow" in ran.stdout
