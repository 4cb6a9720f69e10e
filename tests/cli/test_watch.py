"""`weightmark watch`: JSON lines, hooks, state between calls, and an end in good order."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import RunCli

HONEST = b"\x80\x04}\x8c\x01a\x88s."
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
RULES = ("--policy", "baseline", "--key", "release.pub")


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "m.pkl").write_bytes(HONEST)
    for args in (
        ("key", "generate", "-o", "release.key"),
        ("sign", "model", "--key", "release.key"),
    ):
        assert run_cli(*args, cwd=tmp_path).code == 0
    return tmp_path


def once(run_cli: RunCli, place: Path, *more: str) -> tuple[int, dict[str, Any]]:
    done = run_cli("watch", "model", "--once", "--state", "state", *RULES, "-f", "json", *more, cwd=place)  # fmt: skip
    return done.code, json.loads(done.stdout)


def test_once_with_a_state_tells_what_is_new_since_the_last_call(
    place: Path, run_cli: RunCli
) -> None:
    hook = ("--on-drift", f"tee {place / 'told'}")
    assert [once(run_cli, place, *hook)[1]["verdict"] for _ in range(2)] == ["checked", "checked"]
    assert not (place / "told").exists()
    (place / "model" / "m.pkl").write_bytes(EVIL)
    code, answer = once(run_cli, place, *hook)
    assert (code, answer["verdict"], answer["hook"]["code"]) == (1, "refused", 0)
    assert json.loads((place / "told").read_text()) == answer["event"]
    assert answer["event"]["before"] != answer["event"]["identity"]
    (place / "told").unlink()
    code, answer = once(run_cli, place, *hook)
    assert (code, answer["verdict"]) == (1, "checked"), "still refused, and nothing new"
    assert not (place / "told").exists()
    shutil.rmtree(place / "model")
    code, answer = once(run_cli, place, *hook)
    assert (code, answer["verdict"]) == (1, "gone")


def test_a_state_of_another_path_is_refused_and_a_link_that_moves_is_not(
    place: Path, run_cli: RunCli
) -> None:
    shutil.copytree(place / "model", place / "other")
    (place / "current").symlink_to("model")
    first = ("watch", "current", "--once", "--state", "state", *RULES)
    assert run_cli(*first, cwd=place).code == 0
    done = run_cli("watch", "other", "--once", "--state", "state", *RULES, cwd=place)
    assert done.code == 2
    assert "of another path" in done.stderr
    (place / "current").unlink()
    (place / "current").symlink_to("other")
    assert run_cli(*first, cwd=place).code == 0
    assert run_cli(*first[:1], str(place / "current"), *first[2:], cwd=place).code == 0


def test_one_look_and_many_give_the_same_json_lines(place: Path, run_cli: RunCli) -> None:
    (place / "model" / "m.pkl").write_bytes(EVIL)
    words = ("watch", "model", "--once", *RULES, "-f", "jsonl", "--on-drift", "false")
    done = run_cli(*words, "-o", "lines", cwd=place)
    assert done.code == 1
    event, hook = map(json.loads, (place / "lines").read_text().splitlines())
    assert (event["type"], event["event"], event["code"]) == ("event", "refused", 1)
    assert event["schema"] == "weightmark/watch-event/v1"
    assert hook == {"type": "hook", "code": 1, "problem": None}


def test_a_hook_that_fails_is_no_good_answer(place: Path, run_cli: RunCli) -> None:
    (place / "model" / "m.pkl").write_bytes(EVIL)
    warn = ("--mode", "warn", "--on-drift", "false")
    code, answer = once(run_cli, place, *warn)
    assert (code, answer["hook"]) == (4, {"code": 1, "problem": None})


def test_a_drift_of_which_nobody_heard_is_told_again(place: Path, run_cli: RunCli) -> None:
    """A machine that dies while the hook runs loses no drift."""
    assert once(run_cli, place)[1]["verdict"] == "checked"
    (place / "model" / "m.pkl").write_bytes(EVIL)
    words = ("watch", "model", "--once", "--state", "state", *RULES)
    deadly = (sys.executable, "-m", "weightmark", *words, "--on-drift", "sh -c 'kill -9 $PPID'")
    homes = {"XDG_STATE_HOME": str(place / "xdg"), "XDG_CACHE_HOME": str(place / "xdg")}
    died = subprocess.run(
        deadly, cwd=place, env={**os.environ, **homes}, capture_output=True, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert once(run_cli, place, "--on-drift", f"tee {place / 'told'}")[1]["verdict"] == "refused"
    assert json.loads((place / "told").read_text())["event"] == "refused"
    assert once(run_cli, place)[1]["verdict"] == "checked"


def test_what_configures_the_watch_does_not_lie_inside_of_it(place: Path, run_cli: RunCli) -> None:
    for flag in ("--state", "--ledger", "--witness-policy"):
        done = run_cli("watch", "model", "--once", *RULES, flag, "model/x", cwd=place)
        assert done.code == 2
        assert "inside the artifact" in done.stderr


def test_a_found_settings_file_names_no_hook(place: Path, run_cli: RunCli) -> None:
    ran = place / "ran"
    (place / "weightmark.toml").write_text(f'[watch]\non-drift = "touch {ran}"\n')
    (place / "model" / "m.pkl").write_bytes(EVIL)
    done = run_cli("watch", "model", "--once", *RULES, cwd=place, env={"CI": "true"})
    assert done.code == 1
    assert not ran.exists()


def test_it_follows_until_sigterm_and_ends_with_the_code_of_the_last_look(place: Path) -> None:
    words = ("watch", "model", *RULES, "-f", "jsonl", "--every", "0.1", "--again", "600")
    state = {"XDG_STATE_HOME": str(place / "xdg"), "XDG_CACHE_HOME": str(place / "xdg")}
    child = subprocess.Popen(
        [sys.executable, "-m", "weightmark", *words, "--on-drift", "cat"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **state},
        text=True,
    )
    assert child.stdout is not None
    try:
        assert next_new(child.stdout)["event"] == "checked"
        (place / "model" / "m.pkl").write_bytes(EVIL)
        assert next_new(child.stdout, but="checked")["event"] in {"refused", "unchecked"}
        shutil.move(place / "model", place / "away")
        assert next_new(child.stdout, but="checked refused unchecked")["event"] == "gone"
        time.sleep(0.5)
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 1
    finally:
        child.kill()
        child.communicate()


def next_new(lines: Any, but: str = "") -> dict[str, Any]:
    """Return the next event of another kind; of the hook there are lines as well."""
    for line in lines:
        members: dict[str, Any] = json.loads(line)
        if members["type"] == "event" and members["event"] not in but.split():
            return members
    raise AssertionError("no more events")
