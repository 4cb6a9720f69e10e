"""`weightmark exec`: a command runs on what was verified, or not at all."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_model, make_signed
from tests.cli.published import fitting
from tests.cli.running import RunCli

SHOW = "import os, sys; print(sys.argv[1:], os.environ['WEIGHTMARK_MODEL'])"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    make_signed(tmp_path / "model")
    (tmp_path / "temporary").mkdir()
    return tmp_path


def _call(*words: str, model: str = "model", policy: str = "baseline") -> list[str]:
    options = ["--policy", policy, "--key", "release.pub", "--snapshot-dir", "temporary"]
    return ["exec", *options, model, "--", *words]


def test_help_groups_what_says_whom_to_trust(run_cli: RunCli) -> None:
    told = run_cli("exec", "--help").stdout
    headings = [line for line in told.splitlines() if line.endswith(":") and line[:1].strip()]
    assert headings == ["Options:", "Whom to trust:", "On every command:"]
    own, _, others = told.partition("\nWhom to trust:\n")
    trusted, _, common = others.partition("\nOn every command:\n")
    assert "  --policy " in own
    assert "  --key " in trusted
    assert "  --policy " not in trusted
    assert "  --quiet" in common or "-q" in common


def _left(place: Path) -> list[Path]:
    return list((place / "temporary").iterdir())


def test_the_command_sees_the_copy_by_placeholder_and_variable(
    place: Path, spawn_cli: RunCli
) -> None:
    ran = spawn_cli(*_call(sys.executable, "-c", SHOW, "--model={}", "{}/config.json"), cwd=place)
    words, _, model = ran.stdout.strip().rpartition(" ")
    assert model.startswith(str(place / "temporary"))
    assert words == f"['--model={model}', '{model}/config.json']"
    assert Path(model).name == "model"
    assert "allow: wm1:" in ran.stderr
    assert ran.code == 0
    assert not _left(place)


def test_only_content_is_in_the_copy(place: Path, spawn_cli: RunCli) -> None:
    (place / "model" / ".git").mkdir()
    (place / "model" / ".git" / "HEAD").write_bytes(b"x")
    script = "import os, sys; print(sorted(os.listdir(sys.argv[1])))"
    ran = spawn_cli(*_call(sys.executable, "-c", script, "{}"), cwd=place)
    assert ran.stdout == "['config.json', 'model.safetensors']\n"


@pytest.mark.parametrize("code", [0, 77])
def test_the_code_of_the_command_comes_back(place: Path, spawn_cli: RunCli, code: int) -> None:
    script = f"import sys; print('out'); sys.exit({code})"
    ran = spawn_cli(*_call(sys.executable, "-c", script), cwd=place)
    assert (ran.code, ran.stdout) == (code, "out\n")


def test_a_signal_that_ends_the_command_is_told_as_a_shell_would(
    place: Path, run_cli: RunCli
) -> None:
    ran = run_cli(*_call("sh", "-c", "kill -9 $$"), cwd=place)
    assert ran.code == 128 + signal.SIGKILL
    assert not _left(place)


def test_quiet_says_nothing_but_what_the_command_says(place: Path, spawn_cli: RunCli) -> None:
    call = _call("sh", "-c", "echo out")
    ran = spawn_cli("exec", "-q", *call[1:], cwd=place)
    assert (ran.stdout, ran.stderr) == ("out\n", "")


def test_a_refusal_runs_nothing_and_says_why_on_stderr(place: Path, run_cli: RunCli) -> None:
    (place / "model" / "config.json").write_bytes(b"[]")
    ran = run_cli(*_call("touch", "ran"), cwd=place)
    assert (ran.code, ran.stdout) == (1, "")
    assert "config.json" in ran.stderr
    assert "nothing was run" in ran.stderr
    assert not (place / "ran").exists()
    assert not _left(place)


def test_a_refusal_as_json_fits_its_schema(place: Path, run_cli: RunCli) -> None:
    (place / "model" / "bad.pkl").write_bytes(EVIL_PICKLE)
    call = _call("touch", "ran")
    ran = run_cli("exec", "-f", "json", *call[1:], cwd=place)
    document = fitting(ran.stdout, "exec")
    assert (ran.code, document["exit"], document["verdict"]) == (1, 1, "deny")
    assert document["findings"]
    assert not (place / "ran").exists()


def test_unsigned_empty_and_missing_models_end_as_at_the_gate(place: Path, run_cli: RunCli) -> None:
    make_model(place / "unsigned")
    (place / "empty").mkdir()
    for model, code in (("unsigned", 1), ("empty", 3), ("missing", 2)):
        ran = run_cli(*_call("touch", "ran", model=model), cwd=place)
        assert ran.code == code, ran.stderr
        assert not (place / "ran").exists()


def test_a_warning_policy_runs_the_command_and_says_so(place: Path, spawn_cli: RunCli) -> None:
    (place / "model" / "config.json").write_bytes(b"[]")
    call = _call("cat", "{}/config.json")
    ran = spawn_cli("exec", "--mode", "warn", *call[1:], cwd=place)
    assert (ran.code, ran.stdout) == (0, "[]")
    assert "would deny" in ran.stderr


def test_a_command_that_is_not_there_is_a_wrong_call(place: Path, run_cli: RunCli) -> None:
    assert run_cli(*_call("no-such-program"), cwd=place).code == 2
    assert run_cli(*_call("{}/config.json"), cwd=place).code == 2
    assert run_cli("exec", "--policy", "baseline", "model", cwd=place).code == 2
    assert not _left(place)


def test_a_copy_inside_the_model_is_refused(place: Path, run_cli: RunCli) -> None:
    call = _call("touch", "ran")
    ran = run_cli(*call[:6], "model", *call[7:], cwd=place)
    assert ran.code == 2, ran.stderr
    assert "inside the artifact" in ran.stderr
    assert not (place / "ran").exists()


def test_options_of_the_command_are_left_alone(place: Path, spawn_cli: RunCli) -> None:
    ran = spawn_cli(*_call("echo", "--policy", "strict", "-q", "--", "{}x{}"), cwd=place)
    words = ran.stdout.split()
    assert words[:4] == ["--policy", "strict", "-q", "--"]
    assert words[4].count("/model") == 2


WAITS = """
import pathlib, signal, sys, time
def stop(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    sys.exit(42)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, stop)
pathlib.Path("ready").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_signals_reach_the_command_and_the_copy_is_removed(place: Path, name: str) -> None:
    with _started(place, *_call(sys.executable, "-c", WAITS)) as running:
        _wait_for(place / "ready", running)
        assert _left(place)
        running.send_signal(signal.Signals[name])
        out, _ = running.communicate(timeout=30)
    assert (running.returncode, out) == (42, f"got {name}\n")
    assert not _left(place)


def test_a_command_that_ignores_a_signal_goes_on(place: Path) -> None:
    script = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "pathlib.Path('ready').touch(); time.sleep(1); print('done')"
    )
    with _started(place, *_call(sys.executable, "-c", script)) as running:
        _wait_for(place / "ready", running)
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate(timeout=30)
    assert (running.returncode, out) == (0, "done\n")
    assert not _left(place)


def _started(place: Path, *args: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "WEIGHTMARK_ISOLATED": "1"}
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "weightmark", *args],
        cwd=place,
        env={**environment, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def _wait_for(path: Path, running: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert running.poll() is None, "the command ended too early"
        assert time.monotonic() < until, "the command never started"
        time.sleep(0.02)


@pytest.mark.parametrize("option", ["--tsa-chain", "--trusted-root", "--key"])
def test_trust_beside_a_policy_file_is_not_dropped_in_silence(
    place: Path, spawn_cli: RunCli, option: str
) -> None:
    made = spawn_cli("policy", "init", "-o", "policy.toml", "--key", "release.pub", cwd=place)
    assert made.code == 0
    words = ("exec", "--policy", "./policy.toml", option, "release.pub", "model")
    ran = spawn_cli(*words, "--", sys.executable, "-c", "print('ran')", cwd=place)
    assert ran.code == 2
    assert "beside the policy file" in ran.stderr
    assert "ran" not in ran.stdout
