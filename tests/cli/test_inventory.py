"""`weightmark inventory`: the whole list, tables that no spreadsheet computes, and going on after a kill."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.inventory.caches import (
    COMMIT,
    EVIL,
    HONEST,
    hub_repository,
    ollama_store,
    put,
)
from tests.cli.running import RunCli
from tests.sim.faults import Fault, FaultKind
from tests.sim.hub import Hub, Lfs


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


def test_a_cache_that_is_not_there_is_named(tmp_path: Path, run_cli: RunCli) -> None:
    done = run_cli("inventory", "hf-cache", cwd=tmp_path, env={"HF_HOME": str(tmp_path / "none")})
    assert done.code == 2
    assert str(tmp_path / "none" / "hub") in done.stderr


def test_other_caches_of_this_user_have_words_too(tmp_path: Path, run_cli: RunCli) -> None:
    ollama_store(tmp_path / "o", "llama3", "8b", b"GGUF" + bytes(20))
    done = run_cli(
        "inventory",
        "ollama-cache",
        "-f",
        "json",
        cwd=tmp_path,
        env={"OLLAMA_MODELS": str(tmp_path / "o")},
    )
    (one,) = json.loads(done.stdout)["artifacts"]
    assert (one["name"], one["promise"]) == ("ollama:llama3", "kept")


def test_the_last_line_counts_what_can_move_and_others_are_listed_too(
    tmp_path: Path, run_cli: RunCli
) -> None:
    code = f"load_dataset('a/b')\nload_dataset('c/d', revision='{COMMIT}')\nload_dataset('./here')\nload_dataset(name)\n"
    put(tmp_path / "x.py", code)
    lines = run_cli("inventory", ".", cwd=tmp_path).stdout.splitlines()
    assert lines[-1] == "✗ at-risk: 1 of 4 references can move"
    shown = [line.strip() for line in lines]
    assert "- other references 1 pinned, 1 local, 1 unknown" in shown
    assert "x.py:2: load_dataset `c/d`: pinned" in shown
    assert "x.py:4: load_dataset: unknown" in shown


def test_what_was_not_scanned_is_never_called_clean(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path / "random" / "model.claims", b"")
    put(tmp_path / "random" / "a.bin", bytes(range(1, 251)) * 16)
    put(tmp_path / "rows" / "model.claims", b"")
    put(tmp_path / "rows" / "train.jsonl", b'{"a": 1}\n')
    put(tmp_path / "good" / "m.pkl", HONEST)
    answer = listed(run_cli, tmp_path, ".")
    risks = {one["path"]: one["risk"] for one in answer["artifacts"]}
    assert risks == {"good": "none", "random": "unknown", "rows": "unknown"}
    assert answer["verdict"] == "incomplete"
    told = run_cli("inventory", ".", cwd=tmp_path).stdout.splitlines()
    assert told[-1] == "- incomplete: 3 artifacts, 2 not scanned"
    alone = run_cli("inventory", "good", cwd=tmp_path).stdout.splitlines()
    assert alone[-1] == "✓ clean: 1 artifact"


def test_the_last_line_counts_what_is_at_risk_and_names_the_rule(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / name / "m.pkl", HONEST)
    put(tmp_path / "evil" / "m.pkl", EVIL)
    lines = run_cli("inventory", ".", cwd=tmp_path).stdout.splitlines()
    assert lines[-1] == "✗ at-risk: 1 of 4 artifacts"
    assert any("`evil`: critical (PKL001" in line for line in lines)
    assert not any("run code" in line for line in lines)


def test_a_signed_dataset_is_no_model(tmp_path: Path, run_cli: RunCli) -> None:
    croissant = b'{"conformsTo": "http://mlcommons.org/croissant/1.0", "name": "d"}'
    put(tmp_path / "data" / "croissant.json", croissant)
    put(tmp_path / "data" / "a.csv", b"a,b\n1,2\n")
    put(tmp_path / "data" / "model.sig", b"{}")
    put(tmp_path / "text" / "a.csv", b"a,b\n1,2\n")
    put(tmp_path / "text" / "model.sig", b"{}")
    put(tmp_path / "both" / "croissant.json", croissant)
    put(tmp_path / "both" / "m.pkl", HONEST)
    kinds = {one["path"]: one["kind"] for one in listed(run_cli, tmp_path, ".")["artifacts"]}
    assert kinds == {"both": "model", "data": "dataset", "text": "unknown"}


def test_weights_are_named_first_and_what_is_left_out_is_counted(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for name, content in (("c.json", b"{}"), ("a.txt", b"words\n"), ("x.py", b"a = 1\n")):
        put(tmp_path / "m" / name, content)
    put(tmp_path / "m" / "m.pkl", HONEST)
    (one,) = listed(run_cli, tmp_path, "m")["artifacts"]
    row = run_cli("inventory", "m", cwd=tmp_path).stdout.splitlines()[1]
    more = len(one["formats"]) - 3
    assert "  pickle," in row
    assert more < 1 or f",+{more} " in row


def test_a_name_of_ollama_is_not_looked_up_on_the_hub(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path / "a" / "Modelfile", b"FROM llama3\n")
    put(tmp_path / "b" / "x.py", b"load_dataset('a/b')\n")
    assert "weightmark lock" not in run_cli("inventory", "a", cwd=tmp_path).stdout
    assert "weightmark lock update" in run_cli("inventory", ".", cwd=tmp_path).stdout


def test_a_state_file_in_what_is_looked_through_is_refused_in_its_own_words(
    tmp_path: Path, run_cli: RunCli
) -> None:
    put(tmp_path / "w" / "m.pkl", HONEST)
    done = run_cli("inventory", "w", "--resume", "w/st", cwd=tmp_path)
    assert done.code == 2
    assert "lies in what is looked through" in done.stderr
    assert "artifact can't say" not in done.stderr


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


# --- several places, and owners on the hub --------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on which `acme` has two models and a dataset, and somebody else has one."""
    with Hub.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        running.add("models", "acme/good", {"m.pkl": Lfs(HONEST)})
        running.add("models", "acme/evil", {"m.pkl": Lfs(EVIL), "x.py": b"load_dataset('a/b')\n"})
        running.add("datasets", "acme/rows", {"rows.csv": b"a,b\n1,2\n"})
        running.add("models", "acmeister/other", {"m.pkl": EVIL})
        yield running


def by_path(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in answer["artifacts"]}


def test_several_places_are_one_list(tmp_path: Path, run_cli: RunCli) -> None:
    put(tmp_path / "a" / "m.pkl", HONEST)
    put(tmp_path / "b" / "m.pkl", EVIL)
    put(tmp_path / "b" / "code" / "x.py", "load_dataset('a/b')\n")
    answer = listed(run_cli, tmp_path, "a", "b", "a")
    assert {path: one["risk"] for path, one in by_path(answer).items()}.keys() == {"a", "b"}
    assert [one["file"] for one in answer["references"]] == ["b/code/x.py"]
    assert answer["paths"] == ["a", "b", "a"]
    listed(run_cli, tmp_path, "a", "missing", code=2)


def test_every_repository_of_an_owner_is_examined(
    tmp_path: Path, run_cli: RunCli, hub: Hub
) -> None:
    hub.page = 1
    answer = listed(run_cli, tmp_path, "hf://acme")
    found = by_path(answer)
    assert found.keys() == {
        "hf://datasets/acme/rows",
        "hf://models/acme/evil",
        "hf://models/acme/good",
    }
    evil = found["hf://models/acme/evil"]
    assert evil["risk"] in {"high", "critical"}
    assert evil["revision"] == hub.repositories["models", "acme/evil"].head
    put(tmp_path / "copy" / "m.pkl", HONEST)
    (local,) = listed(run_cli, tmp_path, "copy")["artifacts"]
    assert found["hf://models/acme/good"]["identity"] == local["identity"]
    (reference,) = answer["references"]
    assert reference["file"] == "hf://models/acme/evil/x.py"
    assert listed(run_cli, tmp_path, "hf://acme", "--exit-code", code=1)["verdict"] == "at-risk"


def test_what_was_read_of_a_commit_is_not_fetched_again(
    tmp_path: Path, run_cli: RunCli, hub: Hub
) -> None:
    first = listed(run_cli, tmp_path, "hf://acme", "--resume", "state")
    before = len(hub.asked("file"))
    assert listed(run_cli, tmp_path, "hf://acme", "--resume", "state") == first
    asked = [one.path for one in hub.asked("file")[before:]]
    assert all("/acme/evil/" in path for path in asked), "what has references is read again"
    hub.repositories["models", "acme/good"].commit({"m.pkl": Lfs(EVIL)})
    again = by_path(listed(run_cli, tmp_path, "hf://acme", "--resume", "state"))
    assert again["hf://models/acme/good"]["risk"] in {"high", "critical"}


def test_without_fetching_nothing_is_called_clean(
    tmp_path: Path, run_cli: RunCli, hub: Hub
) -> None:
    answer = listed(run_cli, tmp_path, "hf://acme", "--no-fetch", "--exit-code", code=4)
    assert not hub.asked("file")
    for one in answer["artifacts"]:
        assert one["problem"]
        assert one["identity"] is None
        assert one["files"] >= 1
        assert one["risk"] == "unknown"
    done = run_cli("inventory", "hf://acme", "--no-fetch", "--csv", "t.csv", cwd=tmp_path)
    assert done.code == 0
    assert "none" not in {line.split()[1] for line in done.stdout.splitlines()[1:4]}
    with (tmp_path / "t.csv").open(newline="") as file:
        assert {row["risk"] for row in csv.DictReader(file)} == {"unknown"}


def test_a_repository_that_cannot_be_read_hides_no_other(
    tmp_path: Path, run_cli: RunCli, hub: Hub
) -> None:
    hub.repositories["models", "acme/good"].gated = True
    hub.repositories["models", "acme/evil"].served["m.pkl"] = HONEST
    answer = by_path(listed(run_cli, tmp_path, "hf://acme", "--exit-code", code=1))
    assert "no access" in answer["hf://models/acme/good"]["problem"]
    assert "than promised" in answer["hf://models/acme/evil"]["problem"]
    assert answer["hf://models/acme/evil"]["promise"] == "broken"
    assert answer["hf://models/acme/evil"]["risk"] == "unknown"
    done = run_cli("inventory", "hf://acme", cwd=tmp_path)
    assert "the hub sends other bytes than it lists" in done.stdout
    assert "delete it from the cache" not in done.stdout
    assert answer["hf://datasets/acme/rows"]["promise"] == "kept"
    assert not answer["hf://datasets/acme/rows"]["problem"]


def test_a_list_that_names_somebody_elses_or_goes_on_elsewhere_is_refused(
    tmp_path: Path, run_cli: RunCli, hub: Hub
) -> None:
    hub.page, hub.next_page = 1, "https://elsewhere.example/api/models"
    listed(run_cli, tmp_path, "hf://acme", code=4)
    hub.next_page = ""
    hub.add("models", "acme/../evil/x", {"a": b"x"})
    listed(run_cli, tmp_path, "hf://acme", code=1)


def test_an_owner_is_not_asked_for_without_network(
    tmp_path: Path, run_cli: RunCli, hub: Hub
) -> None:
    assert run_cli("inventory", "hf://acme", "--offline", cwd=tmp_path).code == 4
    assert run_cli("inventory", "hf://acme/bert/x", cwd=tmp_path).code == 2
    done = run_cli("inventory", "hf://nobody", cwd=tmp_path)
    assert done.code == 3
    assert "the hub lists nothing of `nobody`: there is no such owner" in done.stderr
    put(tmp_path / "a" / "m.pkl", HONEST)
    assert "`nobody`" in run_cli("inventory", "a", "hf://nobody", cwd=tmp_path).stderr


def test_the_name_of_a_place_can_not_steer_a_terminal_from_the_table(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for name in ("a\x1b[2Jb", "ok"):
        put(tmp_path / name / "m.pkl", HONEST)
    done = run_cli("inventory", "a\x1b[2Jb", "ok", "--csv", "t.csv", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert b"\x1b" not in (tmp_path / "t.csv").read_bytes()
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_job_that_is_cancelled_leaves_no_model_in_the_temporary_folder(
    tmp_path: Path, hub: Hub, number: int
) -> None:
    """CI systems and clusters stop by SIGTERM."""
    hub.faults["file"] = Fault(FaultKind.SLOW, seconds=60)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = [sys.executable, "-m", "weightmark", "inventory", "hf://acme"]
    env = {
        **os.environ,
        **hub.environment,
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    with subprocess.Popen(words, env=env, cwd=tmp_path, stderr=subprocess.PIPE) as running:
        end = time.monotonic() + 50
        while not hub.asked("file") and time.monotonic() < end:
            time.sleep(0.05)
        assert list(temporary.iterdir())
        running.send_signal(number)
        assert running.wait(timeout=30) == 130
    assert not list(temporary.iterdir())
