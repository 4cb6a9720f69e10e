"""Rules: strict, dry unless they are enabled, recorded, and never shell or option of a command by a name."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attestations.responding.responding_makers import denied, rules
from tests.provenance.events.receivers import Script, closed_port, web_server
from weightmark.attestations.responding.acts import Outcome
from weightmark.attestations.responding.happening import Happening, Trigger
from weightmark.attestations.responding.responder import respond
from weightmark.attestations.responding.rules import Responses
from weightmark.errors import CallError, SettingsError, WeightmarkError
from weightmark.provenance.events.event import Subject

COMMAND = '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["tee", "told"]\n'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w").write_bytes(b"x")
    return tmp_path / "model"


def acts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "acts.jsonl").read_text().splitlines()]


def test_a_rule_that_is_not_enabled_does_nothing_and_says_what_it_would(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = rules(tmp_path, COMMAND)
    (act,) = respond(denied(model), found)
    assert (act.outcome, act.summary) == (Outcome.WOULD, "run `tee told`")
    assert not (tmp_path / "told").exists()
    assert [one["outcome"] for one in acts(tmp_path)] == ["would"]


@pytest.mark.parametrize("act", [True, False])
def test_an_enabled_rule_acts_and_is_recorded_before_and_after(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    found = rules(tmp_path, COMMAND + ("" if act else "enabled = true\n"))
    happening = denied(model)
    (done,) = respond(happening, found, act=act)
    assert done.outcome is Outcome.DONE
    told = json.loads((tmp_path / "told").read_text())
    assert (told["trigger"], told["path"], told["identity"]) == (
        "deny",
        str(model),
        happening.identity,
    )
    assert told["event"]["uid"] == happening.event.uid
    assert [one["outcome"] for one in acts(tmp_path)] == ["begun", "done"]
    assert {one["event"] for one in acts(tmp_path)} == {happening.event.uid}
    assert (tmp_path / "acts.jsonl").stat().st_mode & 0o777 == 0o600


def test_an_act_that_cannot_be_recorded_is_not_done(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = rules(tmp_path, COMMAND + "enabled = true\n")
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "acts.jsonl").symlink_to(tmp_path / "elsewhere")
    (act,) = respond(denied(model), found)
    assert act.outcome is Outcome.FAILED
    assert not (tmp_path / "told").exists()
    assert (tmp_path / "elsewhere").read_text() == ""


def test_a_record_that_is_cut_off_lets_nothing_happen(model: Path, tmp_path: Path) -> None:
    """On a full disk half a line is taken: that is no record, and it spoils none that comes later."""
    rules(tmp_path, COMMAND + "enabled = true\n")
    (tmp_path / "acts.jsonl").write_bytes(b"{}\n" * 300)
    (tmp_path / "acts.jsonl").chmod(0o600)
    script = (
        "import os, resource, sys\n"
        "from pathlib import Path\n"
        "from tests.attestations.responding.responding_makers import denied\n"
        "from weightmark.attestations.responding.responder import respond\n"
        "from weightmark.attestations.responding.rules import Responses\n"
        "folder = Path(sys.argv[1])\n"
        "found = Responses.load(folder / 'respond.toml', state=folder, environment={'PATH': '/usr/bin:/bin'})\n"
        "happening = denied(folder / 'model')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "print([one.outcome.value for one in respond(happening, found)])\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "['failed']\n"
    assert not (tmp_path / "told").exists()
    assert (tmp_path / "acts.jsonl").read_bytes() == b"{}\n" * 300


def test_half_a_line_of_the_record_is_ended_before_the_next(model: Path, tmp_path: Path) -> None:
    (tmp_path / "acts.jsonl").write_bytes(b'{"half": ')
    (tmp_path / "acts.jsonl").chmod(0o600)
    respond(denied(model), rules(tmp_path, COMMAND))
    first, second = (tmp_path / "acts.jsonl").read_bytes().splitlines()
    assert first == b'{"half": '
    assert json.loads(second)["outcome"] == "would"


def test_a_record_that_others_can_write_to_is_not_used(model: Path, tmp_path: Path) -> None:
    found = rules(tmp_path, COMMAND)
    (tmp_path / "acts.jsonl").write_text("")
    (tmp_path / "acts.jsonl").chmod(0o666)
    assert [one.outcome for one in respond(denied(model), found)] == [Outcome.FAILED]


def test_one_failure_hinders_no_other_rule(model: Path, tmp_path: Path) -> None:
    first = '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["false"]\n'
    second = '[[on]]\nevent = "deny"\naction = "notify"\nto = "told"\n'
    done = respond(denied(model), rules(tmp_path, first + second), act=True)
    assert [one.outcome for one in done] == [Outcome.FAILED, Outcome.DONE]
    assert "ended with 1" in done[0].summary
    assert (tmp_path / "told").exists()


@pytest.mark.parametrize(
    "name",
    ["--rf", "-x", "a b", "$(touch ran)", "`touch ran`", "; touch ran", "a\nb", "{identity}"],
)
def test_no_name_becomes_an_option_a_word_or_a_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "w").write_bytes(b"x")
    script = tmp_path / "show"
    script.write_text('#!/bin/sh\nprintf "%s\\0" "$@" > shown\n')
    script.chmod(0o755)
    text = f'[[on]]\nevent = "deny"\naction = "command"\ncommand = ["{script}", "x{{path}}", "{{path}}", "{{identity}}"]\n'
    happening = denied(Path(name))
    (act,) = respond(happening, rules(tmp_path, text), act=True)
    assert act.outcome is Outcome.DONE, act.summary
    words = (tmp_path / "shown").read_bytes().split(b"\0")[:-1]
    assert words == [b"x{path}", os.fsencode(tmp_path / name), happening.identity.encode()]
    assert not (tmp_path / "ran").exists()


def test_a_command_sees_only_the_variables_that_are_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"WEIGHTMARK_PASSPHRASE": "hunter2", "CHANNEL": "models"}
    text = '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["sh", "-c", "env > seen"]\nvariables = ["CHANNEL"]\n'
    respond(denied(model), rules(tmp_path, text, environment), act=True)
    seen = (tmp_path / "seen").read_text()
    assert "hunter2" not in seen
    assert {"CHANNEL=models", "WEIGHTMARK_EVENT=deny"} <= set(seen.splitlines())


def test_a_command_that_does_not_end_is_killed(model: Path, tmp_path: Path) -> None:
    text = '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["sleep", "60"]\nseconds = 1\n'
    (act,) = respond(denied(model), rules(tmp_path, text), act=True)
    assert "did not end within 1 seconds" in act.summary


def test_nothing_that_a_command_leaves_running_outlives_it(model: Path, tmp_path: Path) -> None:
    text = '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["sh", "-c", "sleep 60 & echo $! > pid"]\n'
    (act,) = respond(denied(model), rules(tmp_path, text), act=True)
    assert act.outcome is Outcome.DONE
    left = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    deadline = time.monotonic() + 10
    while left.exists() and left.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_command_runs_where_its_rules_stand(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller may stand in the artifact, whose files no command is to find under its own names."""
    monkeypatch.chdir(model)
    (act,) = respond(denied(model), rules(tmp_path, COMMAND), act=True)
    assert act.outcome is Outcome.DONE
    assert (tmp_path / "told").exists()
    assert [one.name for one in model.iterdir()] == ["w"]


@pytest.mark.parametrize("word", ["./show", "sub/../show", "{folder}/show"])
def test_a_program_is_found_beside_its_rules(
    word: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "sub").mkdir()
    (tmp_path / "show").write_text('#!/bin/sh\necho "$0" > shown\n')
    (tmp_path / "show").chmod(0o755)
    words = json.dumps([word.format(folder=tmp_path)])
    text = f'[[on]]\nevent = "deny"\naction = "command"\ncommand = {words}\n'
    (act,) = respond(denied(model), rules(tmp_path, text), act=True)
    assert act.outcome is Outcome.DONE, act.summary
    assert (tmp_path / "shown").exists()


@pytest.mark.parametrize("path", ["", ".", ":", "bin", "relative:./bin"])
def test_relative_entries_of_the_search_path_find_no_program(
    path: str, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(model)
    for place in (model / "show", model / "bin" / "show"):
        place.parent.mkdir(exist_ok=True)
        place.write_text("#!/bin/sh\n")
        place.chmod(0o755)
    text = '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["show"]\n'
    with pytest.raises(CallError, match="can't be run"):
        rules(tmp_path, text, {"PATH": path})


@pytest.mark.parametrize("enabled", [True, False])
def test_a_command_that_wants_a_path_is_not_run_without_one(
    model: Path, tmp_path: Path, enabled: bool
) -> None:
    words = '["tee", "told", "{path}"]'
    text = f'[[on]]\nevent = "deny"\naction = "command"\ncommand = {words}\n'
    happening = replace(denied(model), path=None, mark=None)
    (act,) = respond(happening, rules(tmp_path, text), act=enabled)
    assert act.outcome is Outcome.FAILED
    assert "`{path}`" in act.summary
    assert not (tmp_path / "told").exists()
    (recorded,) = acts(tmp_path)
    assert (recorded["outcome"], recorded["path"]) == ("failed", None)


def test_a_webhook_is_told_and_can_verify_who_told_it(model: Path, tmp_path: Path) -> None:
    script = Script()
    with web_server(script) as url:
        text = f'[[on]]\nevent = "deny"\naction = "webhook"\nurl = "{url}/x"\nsecret-variable = "HOOK"\n'
        found = rules(tmp_path, text, {"HOOK": "0123456789abcdef"})
        (act,) = respond(denied(model), found, act=True)
    assert act.outcome is Outcome.DONE
    assert script.requests[0].headers["webhook-signature"].startswith("v1,")
    assert json.loads(script.requests[0].body)[0]["class_uid"] == 2003


def test_a_webhook_that_is_down_fails_and_tells_no_secret(model: Path, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/hunter2"
    text = f'[[on]]\nevent = "deny"\naction = "webhook"\nurl = "{url}"\nseconds = 2\n'
    (act,) = respond(denied(model), rules(tmp_path, text), act=True)
    assert act.outcome is Outcome.FAILED
    assert "kept" in act.summary
    assert "hunter2" not in (tmp_path / "acts.jsonl").read_text()


# --- locks ----------------------------------------------------------------------------------------


LOCK = '[[on]]\nevent = "deny"\naction = "drop-lock-entry"\nlock = "weightmark.lock"\n'


def lock(folder: Path, *identities: str) -> Path:
    entries = [
        f'[[artifact]]\nuri = "hf://acme/m{number}"\npinned = "hf://models/acme/m{number}@{"0" * 40}"\n'
        f'kind = "model"\nidentity = "{one}"\ndigest = {{ gitCommit = "{"0" * 40}" }}\n'
        f'files = ["{"0" * 64} 1 w"]\n'
        for number, one in enumerate(identities)
    ]
    path = folder / "weightmark.lock"
    path.write_text("version = 1\n" + "\n".join(entries))
    return path


def test_entries_are_dropped_by_identity_and_no_others(model: Path, tmp_path: Path) -> None:
    from weightmark.attestations.locking.lock_file import LockFile

    happening, other = denied(model), f"wm1:{'d' * 64}"
    path = lock(tmp_path, happening.identity, other, happening.identity)
    (would,) = respond(happening, rules(tmp_path, LOCK))
    assert would.summary == "drop `hf://acme/m0`, `hf://acme/m2` from `" + str(path) + "`"
    assert len(LockFile.load(path).artifacts) == 3
    (done,) = respond(happening, rules(tmp_path, LOCK), act=True)
    assert done.outcome is Outcome.DONE
    assert [one.identity for one in LockFile.load(path).artifacts] == [other]
    assert respond(happening, rules(tmp_path, LOCK), act=True) == ()


def test_without_an_identity_no_entry_is_dropped_and_that_is_told(
    model: Path, tmp_path: Path
) -> None:
    path = lock(tmp_path, f"wm1:{'d' * 64}")
    before = path.read_bytes()
    unknown = denied(model, identity="")
    (act,) = respond(unknown, rules(tmp_path, LOCK), act=True)
    assert (act.outcome, path.read_bytes()) == (Outcome.FAILED, before)
    assert [one["outcome"] for one in acts(tmp_path)] == ["failed"]
    revoked = LOCK.replace("deny", "revoke")
    a_key = replace(unknown, trigger=Trigger.REVOKE)
    assert respond(a_key, rules(tmp_path, revoked), act=True) == ()


def test_a_lock_that_is_damaged_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "weightmark.lock").write_text("version = 1\nsurprise = 2\n")
    (act,) = respond(denied(model), rules(tmp_path, LOCK), act=True)
    assert act.outcome is Outcome.FAILED
    assert "surprise" in (tmp_path / "weightmark.lock").read_text()


# --- which rules fit ------------------------------------------------------------------------------


def drifted(happening: Happening, kind: str) -> Happening:
    return replace(happening, trigger=Trigger.DRIFT, kind=kind)


@pytest.mark.parametrize(
    ("kind", "moved"), [("refused", 1), ("changed", 0), ("gone", 0), ("unchecked", 0)]
)
def test_of_a_drift_only_what_was_refused_is_moved(
    kind: str, moved: int, model: Path, tmp_path: Path
) -> None:
    text = '[[on]]\nevent = "drift"\naction = "quarantine"\nfolder = "q"\n'
    assert len(respond(drifted(denied(model), kind), rules(tmp_path, text))) == moved


def test_kinds_choose_the_drift(model: Path, tmp_path: Path) -> None:
    text = '[[on]]\nevent = "drift"\naction = "notify"\nto = "x"\nkinds = ["gone"]\n'
    found = rules(tmp_path, text)
    fits = [
        kind
        for kind in ("gone", "changed", "refused")
        if respond(drifted(denied(model), kind), found)
    ]
    assert fits == ["gone"]
    assert respond(denied(model), found) == ()


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[[on]]\nevent = "deny"\n',
        '[[on]]\naction = "notify"\nto = "x"\n',
        '[[on]]\nevent = "allow"\naction = "notify"\nto = "x"\n',
        '[[on]]\nevent = "deny"\naction = "shell"\n',
        '[[on]]\nevent = "deny"\naction = "notify"\n',
        '[[on]]\nevent = "deny"\naction = "notify"\nto = "-"\n',
        '[[on]]\nevent = "deny"\naction = "notify"\nto = "http://example.com/"\n',
        '[[on]]\nevent = "deny"\naction = "webhook"\nurl = "syslog://x"\n',
        '[[on]]\nevent = "deny"\naction = "webhook"\nurl = "https://x"\nsecret-variable = "NONE"\n',
        '[[on]]\nevent = "deny"\naction = "command"\ncommand = "rm -rf x"\n',
        '[[on]]\nevent = "deny"\naction = "command"\ncommand = []\n',
        '[[on]]\nevent = "deny"\naction = "command"\ncommand = ["no-such-program-anywhere"]\n',
        '[[on]]\nevent = "deny"\naction = "quarantine"\n',
        '[[on]]\nevent = "deny"\naction = "quarantine"\nfolder = "q"\nenabledd = true\n',
        '[[on]]\nevent = "deny"\naction = "quarantine"\nfolder = "q"\nenabled = "yes"\n',
        '[[on]]\nevent = "deny"\naction = "notify"\nto = "x"\nkinds = ["gone"]\n',
        '[[on]]\nevent = "drift"\naction = "notify"\nto = "x"\nkinds = ["lost"]\n',
        '[[on]]\nevent = "deny"\naction = "notify"\nto = "x"\nseconds = 0\n',
        'surprise = 1\n[[on]]\nevent = "deny"\naction = "notify"\nto = "x"\n',
    ],
)
def test_a_rule_that_is_misspelt_is_refused_and_not_ignored(text: str, tmp_path: Path) -> None:
    with pytest.raises(CallError):
        rules(tmp_path, text)


def test_what_is_misspelt_and_what_is_not_set_is_named(tmp_path: Path) -> None:
    head = '[[on]]\nevent = "{}"\naction = "webhook"\nurl = "https://x"\nsecret-variable = "HOOK"\n'
    with pytest.raises(CallError, match="but `revoked`"):
        rules(tmp_path, head.format("revoked"))
    with pytest.raises(CallError, match=r"`HOOK`.*is not set"):
        rules(tmp_path, head.format("revoke"))
    with pytest.raises(CallError, match="`HOOK` has none"):
        rules(tmp_path, head.format("revoke"), {"HOOK": "short"})


@pytest.mark.parametrize("content", ["", "version = 2\n", "version = ", "[[on]]\n"])
def test_a_file_of_another_version_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "r").write_text(content)
    with pytest.raises(SettingsError):
        Responses.load(tmp_path / "r", state=tmp_path, environment={})


@pytest.mark.parametrize(
    ("mode", "folder", "good"),
    [(0o666, 0o700, False), (0o664, 0o700, False), (0o602, 0o700, False), (0o644, 0o755, True),
     (0o600, 0o777, False), (0o600, 0o775, False), (0o600, 0o1777, True)],
)  # fmt: skip
def test_rules_that_others_can_write_or_replace_are_refused(
    mode: int, folder: int, good: bool, tmp_path: Path
) -> None:
    (tmp_path / "f").mkdir()
    path, link = tmp_path / "f" / "r", tmp_path / "link"
    path.write_text("version = 1\n" + COMMAND)
    path.chmod(mode)
    path.parent.chmod(folder)
    link.symlink_to(path)
    for named in (path, link):
        if good:
            assert Responses.load(named, state=tmp_path, environment=dict(os.environ)).rules
            continue
        with pytest.raises(SettingsError, match="written by others"):
            Responses.load(named, state=tmp_path, environment=dict(os.environ))


@pytest.mark.needs("root")
def test_rules_behind_the_link_of_somebody_else_are_refused(tmp_path: Path) -> None:
    """In a folder for all, a link that waits there would lead to a file of the caller's that is no rules."""
    (tmp_path / "r").write_text("version = 1\n" + COMMAND)
    (tmp_path / "link").symlink_to(tmp_path / "r")
    os.chown(tmp_path / "link", 65534, 65534, follow_symlinks=False)
    with pytest.raises(SettingsError, match="written by others"):
        Responses.load(tmp_path / "link", state=tmp_path, environment=dict(os.environ))


@settings(max_examples=60)
@given(st.text(max_size=80))
def test_any_text_is_rules_or_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "any").write_bytes(b"version = 1\n" + text.encode("utf-8", "replace"))
    (folder / "any").chmod(0o600)
    with pytest.raises(WeightmarkError):
        Responses.load(folder / "any", state=folder, environment={})


def test_a_hostile_event_is_one_line_of_plain_json(model: Path) -> None:
    happening = denied(model)
    event = replace(happening.event, subject=Subject("a\n\x1b[31m\ud800", ""), message="\r\n" * 50)
    data = replace(happening, event=event).to_bytes()
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert b"\x1b" not in data
