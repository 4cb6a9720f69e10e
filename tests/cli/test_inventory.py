"""`weightmark inventory`: the whole list, tables that no spreadsheet computes, and going on after a kill."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.attestations.inventory.caches import COMMIT, EVIL, HONEST, hub_repository, put
from tests.cli.running import RunCli


def listed(run_cli: RunCli, cwd: Path, *args: str, code: int = 0) -> dict[str, Any]:
    done = run_cli("inventory", *args, "-f", "json", cwd=cwd)
    assert done.code == code, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_cache_of_this_user_is_found_by_its_word(tmp_path: Path, run_cli: RunCli) -> None:
    hub_repository(tmp_path / "hub", "acme/bert", {"m.pkl": HONEST})
    done = run_cli(
        "inventory", "hf-cache", "-f", "json", cwd=tmp_path, env={"HF_HOME": str(tmp_path)}
    )
    (one,) = json.loads(done.stdout)["artifacts"]
    assert (one["name"], one["revision"]) == ("hf://models/acme/bert", COMMIT)


def test_a_cell_that_a_spreadsheet_would_compute_is_inert(tmp_path: Path, run_cli: RunCli) -> None:
    names = ["=cmd|' -C calc'!A1", "+1", "-1", "@x", " =1+1", 'quo"te,and comma', "new\nline"]
    for name in names:
        put(tmp_path / "w" / name / "m.pkl", HONEST)
    listed(run_cli, tmp_path, "w", "--csv", "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(names)
    for row in rows:
        for cell in row.values():
            assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_the_exit_code_tells_the_worst(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path / "good" / "m.pkl", HONEST)
    put(tmp_path / "cut" / "m.pkl", HONEST[:-1])
    put(tmp_path / "evil" / "m.pkl", EVIL)
    put(tmp_path / "code" / "x.py", "load_dataset('a/b')\n")
    put(tmp_path / "old" / "x.py", "print 'python 2'\n")
    for path, code in {"good": 0, "cut": 4, "evil": 1, "code": 1, "old": 4, ".": 1}.items():
        assert listed(run_cli, tmp_path, path, "--exit-code", code=code)["exit"] == code
    for path in ("good", "cut", "evil", "code", "."):
        listed(run_cli, tmp_path, path)
    listed(run_cli, tmp_path, "evil", "--exit-code", "--fail-on", "critical", code=1)
    (tmp_path / "none").mkdir()
    listed(run_cli, tmp_path, "none", code=3)


def test_the_ledger_tells_what_was_entered_and_what_was_revoked(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for name in ("known", "withdrawn", "strange"):
        put(tmp_path / "models" / name / "m.pkl", HONEST + name.encode())
    key, ledger = ("--key", "release.key"), ("--ledger", "l")
    for args in (
        ("key", "generate", "-o", "release.key"),
        ("ledger", "init", "l", "--admit", "release.pub"),
        ("sign", "models/known", *key, "--no-scan"),
        ("sign", "models/withdrawn", *key, "--no-scan"),
        ("ledger", "append", "models/known/model.claims", *ledger, *key),
        ("ledger", "append", "models/withdrawn/model.claims", *ledger, *key),
        ("revoke", "models/withdrawn", "--reason", "poisoned", *ledger, *key),
    ):
        done = run_cli(*args, cwd=tmp_path)
        assert done.code == 0, done.stderr
    answer = listed(run_cli, tmp_path, "models", *ledger, "--exit-code", code=1)
    status = {one["path"]: one["ledger"]["status"] for one in answer["artifacts"]}
    assert status == {"known": "entered", "strange": "absent", "withdrawn": "revoked"}
    claims = {one["path"]: one["signature"] for one in answer["artifacts"]}
    assert claims == {"known": True, "strange": False, "withdrawn": True}
    assert "ledger" in [check["name"] for check in answer["checks"]]


def test_a_call_that_was_killed_goes_on_where_it_was(tmp_path: Path, run_cli: RunCli) -> None:
    for number in range(60):
        put(tmp_path / "models" / f"m{number:02}" / "m.pkl", HONEST * 1 + bytes([number]))
    time.sleep(2.05)
    words = [sys.executable, "-m", "weightmark", "inventory", "models", "--resume", "state"]
    child = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    state = tmp_path / "state"
    while child.poll() is None and (not state.exists() or state.read_bytes().count(b"\n") < 5):
        time.sleep(0.002)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    begun = state.read_bytes().count(b"\n") - 1
    assert begun >= 4
    done = run_cli("inventory", "models", "--resume", "state", "-f", "json", cwd=tmp_path)
    assert f"{begun} of 60 not read again" in done.stderr
    assert done.stdout == run_cli("inventory", "models", "-f", "json", cwd=tmp_path).stdout


def test_a_state_file_inside_of_what_is_looked_through_is_refused(
    tmp_path: Path, run_cli: RunCli
) -> None:
    put(tmp_path / "w" / "m.pkl", EVIL)
    done = run_cli("inventory", "w", "--resume", "w/state", cwd=tmp_path)
    assert done.code == 2
    assert not (tmp_path / "w" / "state").exists()
