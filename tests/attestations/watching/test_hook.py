"""The hook: words and no shell, only the variables that were named, an end, and nothing left behind."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from weightmark.attestations.watching.events import Event, EventKind, Look
from weightmark.attestations.watching.hook import Hook
from weightmark.errors import CallError

EVENT = Event(EventKind.GONE, "2026-11-21T12:00:00Z", "m; touch ran `x` $(x)", Look.gone(), "")


def hook(text: str, *, seconds: float = 20, names: tuple[str, ...] = ()) -> Hook:
    return Hook.parse(text, seconds=seconds, names=names, environment=os.environ)


def test_the_event_is_on_stdin_and_no_shell_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = hook("tee 'out put' $HOME ;touch").run(EVENT)
    assert done.is_good
    assert json.loads((tmp_path / "out put").read_text()) == EVENT.to_json()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["$HOME", ";touch", "out put"]


def test_secrets_of_the_watcher_stay_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTMARK_PASSPHRASE", "secret")
    monkeypatch.setenv("CHANNEL", "models")
    out = tmp_path / "env"
    assert hook(f"sh -c 'env > {out}'", names=("CHANNEL",)).run(EVENT).is_good
    text = out.read_text()
    assert "secret" not in text
    assert "CHANNEL=models" in text
    assert "WEIGHTMARK_EVENT=gone" in text


def test_a_hook_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    done = hook(f"sh -c 'sleep 60 & echo $! > {pid}; wait'", seconds=1).run(EVENT)
    assert not done.is_good
    assert "1 seconds" in done.problem
    child = int(pid.read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def test_what_a_hook_leaves_running_does_not_outlive_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert hook(f"sh -c 'sleep 60 & echo $! > {pid}'").run(EVENT).is_good
    child = int(pid.read_text())
    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def test_a_hook_without_a_folder_is_not_found_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches the folder in which he stands runs no program of the artifact."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".:/usr/bin:/bin")
    (tmp_path / "notify-all").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "notify-all").chmod(0o755)
    with pytest.raises(CallError):
        hook("notify-all")
    assert hook("./notify-all").run(EVENT).is_good, "but where it is named like this"


@pytest.mark.parametrize("text", ["./notify", "sh notify", "sh -c ./notify", "{here}/notify"])
@pytest.mark.parametrize("here", [True, False])
def test_a_hook_runs_no_program_of_the_artifact(
    text: str, here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = tmp_path / "model"
    (artifact / "sub").mkdir(parents=True)
    for place in (artifact / "notify", artifact / "sub" / "notify"):
        place.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
        place.chmod(0o755)
    monkeypatch.chdir(artifact if here else artifact / "sub")
    event = replace(EVENT, path="." if here else str(artifact))
    done = hook(text.format(here=artifact)).run(event)
    assert not done.is_good
    assert "inside the artifact" in done.problem
    assert not (tmp_path / "ran").exists()


def _runs(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_hook_that_fails_or_reads_nothing_is_told() -> None:
    assert hook("false").run(EVENT).code == 1
    assert hook("true").run(EVENT).is_good
    assert hook("sh -c 'kill -9 $$'").run(EVENT).code == 137


@pytest.mark.parametrize("text", ["", "no-such-program-anywhere x", "'unclosed"])
def test_a_hook_that_is_none_is_refused_before_anything_is_watched(text: str) -> None:
    with pytest.raises(CallError):
        hook(text)
