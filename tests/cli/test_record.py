"""`weightmark record`: what went in, what came out, and nothing that should stay secret."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.gate_makers import safetensors
from tests.cli.running import RunCli

COPY = "import shutil,sys; shutil.copytree('base','out'); open('out/new.txt','w').write('x')"


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    for name in ("base", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(safetensors(name.encode()))
    assert run_cli("key", "generate", "-o", "k.key", cwd=tmp_path).code == 0
    return tmp_path


def _record(house: Path, script: str = COPY, *more: str, env: dict[str, str] | None = None) -> Any:
    """Run it in a process of its own: it passes signals on and gives its stdout to the command."""
    words = [sys.executable, "-m", "weightmark", "record", "--step", "finetune"]
    words += ["--input", "base=base", "--input", "data=data", "--output", "out", "--key", "k.key"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})}
    command = [*words, *more, "--", sys.executable, "-c", script]
    return subprocess.run(
        command, cwd=house, capture_output=True, text=True, env=environment, check=False
    )


def _predicate(house: Path, run_cli: RunCli) -> dict[str, Any]:
    done = run_cli("inspect", "out/model.claims", "-f", "json", cwd=house)
    (entry,) = json.loads(done.stdout)["entries"]
    assert entry["predicate_type"] == "https://slsa.dev/provenance/v1"
    made: dict[str, Any] = entry["predicate"]
    return made


def test_a_step_is_stated_with_the_identities_of_its_inputs(house: Path, run_cli: RunCli) -> None:
    done = _record(house, COPY, "--param", "lr=2e-5")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    definition = _predicate(house, run_cli)["buildDefinition"]
    assert definition["buildType"] == "https://weightmark/buildtypes/finetune/v1"
    assert definition["externalParameters"]["parameters"] == {"lr": "2e-5"}
    named = {one["name"]: one for one in definition["resolvedDependencies"]}
    for name in ("base", "data"):
        listed = run_cli("digest", name, "-f", "json", cwd=house)
        identity = json.loads(listed.stdout)["artifacts"][0]["identity"]
        assert f"wm1:{named[name]['digest']['sha256']}" == identity


def test_the_chain_of_what_was_recorded_holds(house: Path, run_cli: RunCli) -> None:
    assert _record(house).returncode == 0
    for name in ("base", "data"):
        assert run_cli("sign", name, "--key", "k.key", cwd=house).code == 0
    done = run_cli("chain", "out", "--key", "k.pub", "--with", "base", "--with", "data", cwd=house)
    assert done.code == 0, done.stdout


def test_a_command_that_fails_keeps_its_code_and_leaves_no_statement(house: Path) -> None:
    done = _record(house, COPY + "; sys.exit(7)")
    assert done.returncode == 7
    assert not (house / "out" / "model.claims").exists()


def test_an_input_that_changes_meanwhile_is_refused(house: Path) -> None:
    done = _record(house, COPY + "; open('data/more','w').write('poison')")
    assert done.returncode == 4
    assert "changed while the step ran" in done.stderr
    assert not (house / "out" / "model.claims").exists()


def test_no_secret_is_recorded(house: Path, run_cli: RunCli) -> None:
    secret = "hf_abcdefghijklmnop"  # noqa: S105 - made up
    words = f"# --token {secret} https://user:{secret}@example.org\n" + COPY
    env = {"HF_TOKEN": secret, "SOME_THING": "private-words"}
    assert _record(house, words, env=env).returncode == 0
    stated = json.dumps(_predicate(house, run_cli))
    assert secret not in stated
    assert "private-words" not in stated


def test_source_and_lock_files_are_recorded(house: Path, run_cli: RunCli) -> None:
    (house / "requirements.txt").write_text("torch==2.13.0\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "requirements.txt"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], cwd=house, check=True)
    (house / "requirements.txt").write_text("torch==2.13.1\n")
    assert _record(house).returncode == 0
    definition = _predicate(house, run_cli)["buildDefinition"]
    assert definition["externalParameters"]["source"]["dirty"] == "yes"
    names = {one["name"] for one in definition["resolvedDependencies"]}
    assert {"source", "requirements.txt"} <= names


@pytest.mark.parametrize(
    "args",
    [
        ("--input", "base"),
        ("--input", "base=missing-folder"),
        ("--input", "base=other"),
        ("--param", "=x"),
    ],
)
def test_a_wrong_call_runs_nothing(house: Path, args: tuple[str, ...]) -> None:
    assert _record(house, COPY, *args).returncode == 2
    assert not (house / "out").exists()


def test_a_command_that_can_not_be_found_runs_nothing(house: Path, run_cli: RunCli) -> None:
    args = ("--step", "train", "--output", "out", "--key", "k.key", "--", "no-such-program")
    assert run_cli("record", *args, cwd=house).code == 2


def test_an_output_that_was_not_made_is_said_to_be_so(tmp_path: Path, run_cli: RunCli) -> None:
    assert run_cli("key", "generate", "-o", "a.key", cwd=tmp_path).code == 0
    args = ("--step", "train", "--output", "none", "--key", "a.key", "--", "true")
    done = run_cli("record", *args, cwd=tmp_path)
    assert done.code == 2
    assert "the step did not make `none`" in done.stderr
    assert not list(tmp_path.glob("none*"))


def test_what_an_earlier_run_left_is_not_stated_to_be_made_by_a_command_that_did_nothing(
    tmp_path: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "a.key", cwd=tmp_path).code == 0
    for name in ("base", "stale"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "w").write_text(name)
    step = ("--step", "finetune", "--input", "base=base", "--output", "stale", "--key", "a.key")
    done = run_cli("record", *step, "--", "true", cwd=tmp_path)
    assert done.code == 2
    assert "stood there before" in done.stderr
    assert not (tmp_path / "stale" / "model.claims").exists()


def test_a_step_that_needs_inputs_is_not_recorded_without(tmp_path: Path, run_cli: RunCli) -> None:
    assert run_cli("key", "generate", "-o", "a.key", cwd=tmp_path).code == 0
    step = ("--step", "finetune", "--output", "out", "--key", "a.key")
    done = run_cli("record", *step, "--", "mkdir", "out", cwd=tmp_path)
    assert done.code == 2
    assert "from nothing" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_record_names_what_it_wrote_as_it_was_called_and_that_it_signs_no_release(
    tmp_path: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "a.key", cwd=tmp_path).code == 0
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "w").write_text("x")
    args = ("--step", "train", "--output", "./out", "--key", "a.key", "--", "touch", "out/w")
    done = run_cli("record", *args, cwd=tmp_path)
    assert done.code == 0
    assert "in `out/model.claims`" in done.stderr
    assert str(tmp_path) not in done.stderr
    assert "`weightmark sign out`" in done.stderr
    assert run_cli("verify", "out", "--key", "a.pub", cwd=tmp_path).code == 3


def _in_process(*more: str) -> tuple[str, ...]:
    return ("--step", "train", "--output", "out", *more, "--", "touch", "ran")


def test_a_link_that_nobody_could_sign_is_refused_before_the_command_runs(
    tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "token").write_text("a.b.c")
    keyless = ("--keyless", "--identity-token-file", "token")
    done = run_cli("record", *_in_process(*keyless, "--in-toto-link", "."), cwd=tmp_path)
    assert done.code != 0
    assert not (tmp_path / "ran").exists()


def test_a_folder_for_links_that_does_not_exist_is_refused_before_the_command_runs(
    tmp_path: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "a.key", cwd=tmp_path).code == 0
    args = _in_process("--key", "a.key", "--in-toto-link", "nowhere")
    assert run_cli("record", *args, cwd=tmp_path).code == 2
    assert not (tmp_path / "ran").exists()


def test_a_link_of_a_step_says_what_its_statement_says(house: Path) -> None:
    assert _record(house, COPY, "--in-toto-link", ".").returncode == 0
    (link,) = house.glob("finetune.*.link")
    payload = json.loads(base64.b64decode(json.loads(link.read_text())["payload"]))
    assert set(payload["materials"]) == {"base/model.safetensors", "data/model.safetensors"}
    assert set(payload["products"]) == {"out/model.safetensors", "out/new.txt"}


def test_a_command_that_a_signal_ends_keeps_its_code_and_leaves_no_statement(house: Path) -> None:
    done = _record(house, COPY + "; import os; os.kill(os.getpid(), 9)")
    assert done.returncode == 128 + 9
    assert not (house / "out" / "model.claims").exists()


def test_a_parameter_that_holds_a_secret_is_masked(house: Path, run_cli: RunCli) -> None:
    secret = "not-for-anybody"  # noqa: S105 - made up
    done = _record(house, COPY, "--param", f"hub_token={secret}", "--param", "lr=1")
    assert done.returncode == 0
    definition = _predicate(house, run_cli)["buildDefinition"]
    assert definition["externalParameters"]["parameters"] == {"hub_token": "***", "lr": "1"}
    assert secret not in json.dumps(definition)


def test_an_output_that_cannot_be_identified_leaves_no_other_one_stated(house: Path) -> None:
    script = (
        f"{COPY}; import os; os.mkdir('bad'); open('bad/a','w').write('x'); os.mkfifo('bad/pipe')"
    )
    done = _record(house, script, "--output", "bad")
    assert done.returncode != 0
    assert "bad" in done.stderr or "pipe" in done.stderr
    assert not (house / "out" / "model.claims").exists()
