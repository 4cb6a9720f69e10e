"""`--respond`: what was denied, drifted or was revoked is answered, by no program of the artifact, and never in silence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.published import fitting
from tests.cli.running import RunCli
from tests.cli.telling_house import (
    BASELINE,
    EVIL,
    HONEST,
    KEY,
    PUBLIC,
    RULES,
    TOLD,
    made,
    rules,
    told,
)
from weightmark.cli.telling.events import Teller

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    return made(tmp_path, run_cli)


def test_a_denial_is_answered_dry_first_and_then_in_earnest(house: Path, run_cli: RunCli) -> None:
    respond = rules(house)
    done = run_cli("gate", "evil", *BASELINE, *respond, *TOLD, "-f", "json", cwd=house)
    answer = fitting(done.stdout, "gate")
    assert (done.code, answer["checks"][-1]["name"]) == (1, "response 1")
    assert answer["checks"][-1]["summary"].startswith("would move `evil`")
    assert (house / "evil").exists()
    done = run_cli("gate", "evil", *BASELINE, *respond, "--act", *TOLD, cwd=house)
    assert done.code == 1
    assert not (house / "evil").exists()
    assert len(list((house / "away").glob("*/artifact/m.bin"))) == 1
    outcomes = [
        json.loads(line)["outcome"] for line in (house / "acts.jsonl").read_text().splitlines()
    ]
    assert outcomes == ["would", "begun", "done"]
    acted = [event for event in told(house) if event["unmapped"]["command"] == "respond quarantine"]
    assert [event["unmapped"]["verdict"] for event in acted] == ["would", "done"]
    assert all(event["unmapped"]["trigger"] == "deny" for event in acted)


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_what_is_done_is_said_to_those_who_ask_for_little(
    form: str, house: Path, run_cli: RunCli
) -> None:
    gate = ("gate", "evil", *BASELINE, *rules(house), "-q", "-f", form)
    would = run_cli(*gate, cwd=house)
    done = run_cli(*gate, "--act", cwd=house)
    assert (would.code, done.code) == (1, 1)
    assert would.stdout.count("would move") == 1
    assert done.stdout.count("moved `") == 1


@pytest.mark.parametrize("spelling", ["./evil", "evil/", "../{house}/evil", "{absolute}/evil"])
@pytest.mark.parametrize("command", ["gate", "watch"])
def test_however_a_path_is_spelt_it_is_found_again(
    spelling: str, command: str, house: Path, run_cli: RunCli
) -> None:
    path = spelling.format(house=house.name, absolute=house)
    once = ("--once",) if command == "watch" else ()
    respond = (*rules(house, "drift" if once else "deny"), "--act")
    assert run_cli(command, path, *once, *BASELINE, *respond, cwd=house).code == 1
    assert not (house / "evil").exists()


def test_what_is_allowed_or_only_would_be_denied_is_left_alone(
    house: Path, run_cli: RunCli
) -> None:
    respond = (*rules(house), "--act")
    assert run_cli("gate", "model", *BASELINE, *respond, cwd=house).code == 0
    assert run_cli("gate", "evil", "--policy", "audit", *PUBLIC, *respond, cwd=house).code == 0
    assert run_cli("gate", "missing", *BASELINE, *respond, cwd=house).code == 2
    assert (house / "model").exists()
    assert (house / "evil").exists()
    assert not (house / "acts.jsonl").exists()


def test_of_several_only_the_denied_one_is_moved(house: Path, run_cli: RunCli) -> None:
    respond = (*rules(house), "--act")
    assert run_cli("gate", "model", "evil", *BASELINE, *respond, cwd=house).code == 1
    assert (house / "model").exists()
    assert not (house / "evil").exists()


def test_a_response_that_fails_changes_no_verdict(house: Path, run_cli: RunCli) -> None:
    more = 'enabled = true\n[[on]]\nevent = "deny"\naction = "command"\ncommand = ["false"]\nenabled = true\n'
    respond = rules(house, more=more)
    (house / "away").mkdir()
    (house / "away").chmod(0o777)
    done = run_cli("gate", "evil", *BASELINE, *respond, "-f", "json", cwd=house)
    lines = fitting(done.stdout, "gate")["checks"][-2:]
    assert done.code == 1
    assert [line["code"] for line in lines] == ["response-failed"] * 2
    assert run_cli("explain", "response-failed", cwd=house).code == 0


def test_an_artifact_that_cannot_even_be_opened_is_moved_as_well(
    house: Path, run_cli: RunCli
) -> None:
    (house / "evil" / "model.sig").mkdir()
    done = run_cli("gate", "evil", *BASELINE, *rules(house), "--act", cwd=house)
    assert done.code == 1
    assert not (house / "evil").exists()


def test_a_revocation_and_a_drift_are_answered(house: Path, run_cli: RunCli) -> None:
    run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house)
    respond = (*rules(house, "revoke"), "--act")
    done = run_cli(
        "revoke", "model", "--reason", "poisoned", "--ledger", "ledger", *KEY, *respond, cwd=house
    )
    assert done.code == 0, done.stderr
    assert not (house / "model").exists()
    respond = (*rules(house, "drift"), "--act")
    watch = ("watch", "evil", "--once", "--state", "state", *BASELINE, *respond)
    assert run_cli(*watch, cwd=house).code == 1
    assert not (house / "evil").exists()


def test_a_pull_that_is_denied_drops_the_lock_entry(house: Path, run_cli: RunCli) -> None:
    run_cli("lock", "update", "evil", "--lock", "l", "--policy", "audit", *PUBLIC, cwd=house)
    (house / "respond.toml").write_text(
        'version = 1\n[[on]]\nevent = "deny"\naction = "drop-lock-entry"\nlock = "l"\nenabled = true\n'
    )
    before = (house / "l").read_text()
    assert "[[artifact]]" in before
    done = run_cli("pull", "evil", "--to", "new", *BASELINE, "--respond", "respond.toml", cwd=house)
    assert done.code == 1
    assert "[[artifact]]" not in (house / "l").read_text()


def script(place: Path, words: str) -> Path:
    """Write a program."""
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{words}\n")
    place.chmod(0o755)
    return place


def commanded(house: Path, *words: str) -> tuple[str, str]:
    """Write rules in a folder of their own that run a command."""
    (house / "rules").mkdir(exist_ok=True)
    path = house / "rules" / "r.toml"
    path.write_text(
        'version = 1\nacts = "acts.jsonl"\n[[on]]\nevent = "deny"\naction = "command"\n'
        f"enabled = true\ncommand = {json.dumps(words)}\n"
    )
    return ("--respond", str(path))


DENIED_HERE = ("gate", ".", "--policy", "baseline", "--key", "../release.pub")


@pytest.mark.parametrize(
    "words",
    [
        ("./notify.sh", "{path}"),
        ("sh", "notify.sh"),
        ("sh", "-c", "./notify.sh"),
        ("notify",),
        (sys.executable, "-c", "import helper; helper.tell()"),
    ],
)
def test_no_program_of_the_denied_artifact_is_run(
    words: tuple[str, ...], house: Path, run_cli: RunCli
) -> None:
    """Somebody judges the folder in which he stands, and the artifact brings programs with those names."""
    evil, own = house / "evil", house / "rules"
    for folder, ran in ((evil, "pwned"), (own, "told")):
        script(folder / "notify.sh", f"touch {house / ran}")
        (folder / "helper.py").write_text(
            f"def tell():\n    open({str(house / ran)!r}, 'w').close()\n"
        )
    script(evil / "notify", f"touch {house / 'pwned'}")
    script(house / "bin" / "notify", f"touch {house / 'told'}")
    env = {"PATH": f".::{house / 'bin'}:/usr/bin:/bin"}
    done = run_cli(*DENIED_HERE, *commanded(house, *words), cwd=evil, env=env)
    assert done.code == 1
    assert not (house / "pwned").exists()
    assert (house / "told").exists(), done.stdout


@pytest.mark.parametrize("word", ["{evil}/run.sh", "../evil/run.sh", "../link", "run.sh"])
def test_rules_that_name_a_program_of_the_artifact_are_refused(
    word: str, house: Path, run_cli: RunCli
) -> None:
    script(house / "evil" / "run.sh", f"touch {house / 'pwned'}")
    (house / "link").symlink_to("evil/run.sh")
    env = {"PATH": f"{house / 'evil'}:/usr/bin:/bin"}
    respond = commanded(house, word.format(evil=house / "evil"))
    done = run_cli("gate", "evil", *BASELINE, *respond, cwd=house, env=env)
    assert done.code == 2
    assert "inside the artifact" in done.stderr
    assert not (house / "pwned").exists()


@pytest.mark.parametrize(
    "line",
    ['acts = "evil/acts.jsonl"', '[[on]]\nevent = "deny"\naction = "notify"\nto = "evil/x"',
     '[[on]]\nevent = "deny"\naction = "quarantine"\nfolder = "evil/q"'],
)  # fmt: skip
def test_rules_that_write_into_the_artifact_are_refused(
    line: str, house: Path, run_cli: RunCli
) -> None:
    """A link that waits there under that name would lead elsewhere."""
    more = '\n[[on]]\nevent = "deny"\naction = "notify"\nto = "x"\n'
    (house / "respond.toml").write_text(f"version = 1\n{line}{more}")
    done = run_cli("gate", "evil", *BASELINE, "--respond", "respond.toml", cwd=house)
    assert done.code == 2
    assert "inside the artifact" in done.stderr


NAMES = ["qa pin-value=1", "hv:k?token=abc", "pkcs11:x?pin-value=1", "wm1:x", "a, b", "m\n", "-x"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["gate", "watch"])
def test_no_name_switches_the_quarantine_off(
    name: str, command: str, house: Path, run_cli: RunCli
) -> None:
    """What looks like a secret is masked where it is told; what is done is done to the path itself."""
    (house / "evil").rename(house / name)
    once = ("--once",) if command == "watch" else ()
    respond = (*rules(house, "drift" if once else "deny"), "--act")
    words = (*once, *BASELINE, *respond, *TOLD, "--", name)
    assert run_cli(command, *words, cwd=house).code == 1
    assert not (house / name).exists()
    lines = [json.loads(one) for one in (house / "acts.jsonl").read_text().splitlines()]
    assert [one["outcome"] for one in lines] == ["begun", "done"]
    assert "pin-value=1" not in (house / "told").read_text()
    assert "token=abc" not in (house / "told").read_text()


def test_two_names_that_look_the_same_when_told_are_told_apart(
    house: Path, run_cli: RunCli
) -> None:
    for source, name in (("evil", "x pin-value=1"), ("model", "x pin-value=2")):
        (house / source).rename(house / name)
    respond = (*rules(house), "--act")
    names = ("x pin-value=2", "x pin-value=1")
    assert run_cli("gate", *names, *BASELINE, *respond, cwd=house).code == 1
    assert (house / "x pin-value=2").exists()
    assert not (house / "x pin-value=1").exists()


def test_a_denial_whose_place_is_not_known_is_a_response_that_failed(house: Path) -> None:
    from weightmark.attestations.responding.rules import Responses
    from weightmark.cli.telling.responses import Responder
    from weightmark.errors import RefusedError

    rules(house, more="enabled = true\n")
    responses = Responses.load(house / "respond.toml", state=house, environment={})
    responder = Responder("gate", responses, act=False, marks={})
    for word in ("one", "other", f"wm1:{'a' * 64}"):
        responder.mark(str(house / word) if len(word) < 9 else word)
    teller = Teller.of("gate")
    (responded,) = responder.respond(teller.failed(RefusedError("no"), "one, other"))
    (line,) = responded.lines()
    assert line.code == "response-failed"
    assert "is not known" in line.summary
    recorded = [json.loads(one) for one in (house / "acts.jsonl").read_text().splitlines()]
    assert [one["outcome"] for one in recorded] == ["failed"]
    nowhere = teller.failed(RefusedError("no"), f"wm1:{'a' * 64}")
    assert [one.acts for one in responder.respond(nowhere)] == [()]


def test_the_file_of_a_revoked_key_stays_where_it_is(house: Path, run_cli: RunCli) -> None:
    """Only artifacts go into quarantine: nothing in a key file says that it is what was revoked."""
    assert run_cli("key", "generate", "-o", "other.key", cwd=house).code == 0
    run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house)
    respond = (*rules(house, "revoke"), "--act")
    words = ("revoke", "other.pub", "--reason", "leaked", "--ledger", "ledger", *KEY, *respond)
    done = run_cli(*words, cwd=house)
    assert done.code == 0, done.stderr
    assert (house / "other.pub").exists()
    assert not (house / "away").exists()


def test_rules_from_inside_of_the_artifact_are_refused(house: Path, run_cli: RunCli) -> None:
    (house / "evil" / "respond.toml").write_text(RULES.format(event="deny", more=""))
    done = run_cli("gate", "evil", *BASELINE, "--respond", "evil/respond.toml", cwd=house)
    assert done.code == 2
    assert "inside the artifact" in done.stderr


def test_enabling_without_rules_is_a_wrong_call(house: Path, run_cli: RunCli) -> None:
    assert run_cli("gate", "evil", *BASELINE, "--act", cwd=house).code == 2


def test_a_swapped_folder_is_not_moved_for_what_another_did(house: Path, run_cli: RunCli) -> None:
    """A command of an earlier rule swaps the folder: what stands there then was not judged."""
    swap = f"cp -r {house}/model {house}/new && mv {house}/evil {house}/old && mv {house}/new {house}/evil"
    text = (
        'version = 1\n[[on]]\nevent = "deny"\naction = "command"\nenabled = true\n'
        f'command = ["sh", "-c", "{swap}"]\n'
        '[[on]]\nevent = "deny"\naction = "quarantine"\nfolder = "away"\nenabled = true\n'
    )
    (house / "respond.toml").write_text(text)
    done = run_cli("gate", "evil", *BASELINE, "--respond", "respond.toml", cwd=house)
    assert done.code == 1
    assert "not what was judged" in done.stdout
    assert (house / "evil" / "m.bin").read_bytes() == HONEST


def test_a_watch_tells_every_look_and_moves_what_is_refused(house: Path) -> None:
    respond = rules(house, "drift", "enabled = true\n")
    words = ["watch", "model", *BASELINE, *TOLD, *respond, "--every", "0.1", "--again", "600"]
    child = subprocess.Popen(
        [sys.executable, "-m", "weightmark", *words, "-f", "jsonl"],
        cwd=house,
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_STATE_HOME": str(house / "xdg"), "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert child.stdout is not None
    try:
        assert json.loads(child.stdout.readline())["event"] == "checked"
        (house / "model" / "m.bin").write_bytes(EVIL)
        lines = []
        for line in child.stdout:
            lines.append(json.loads(line))
            if lines[-1].get("event") == "gone":
                break
        responses = [line["summary"] for line in lines if line["type"] == "response"]
        assert any(said.startswith("moved") for said in responses)
        child.terminate()
        assert child.wait(30) == 1
    finally:
        child.kill()
        child.communicate()
    assert len(list((house / "away").glob("*/artifact/m.bin"))) == 1
    verdicts = [event["unmapped"]["verdict"] for event in told(house)]
    assert verdicts[0] == "checked"
    assert {"done", "gone"} <= set(verdicts)
