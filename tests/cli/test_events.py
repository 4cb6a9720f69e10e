"""`--events` and `--respond`: each command tells what it decided, and no receiver changes a verdict."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.published import fitting
from tests.cli.running import RunCli
from tests.cli.telling_house import (
    BASELINE,
    EVIL,
    KEY,
    PUBLIC,
    TOLD,
    made,
    rules,
    told,
)
from tests.provenance.events.receivers import Script, closed_port, web_server
from weightmark.cli.render.interface import CheckLine, Document, FindingLine, Outcome
from weightmark.cli.telling.aftermath import Aftermath
from weightmark.cli.telling.events import Teller
from weightmark.errors import Exit, NetworkError
from weightmark.provenance.events.forms import named
from weightmark.provenance.events.message import Message

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    return made(tmp_path, run_cli)


def classes(events: list[dict[str, Any]]) -> list[int]:
    return [event["class_uid"] for event in events]


# --- one event a decision -------------------------------------------------------------------------


CALLS = [
    (("verify", "model", *PUBLIC), 0, [2003], "verified"),
    (("verify", "evil", *PUBLIC), 3, [2003], "nothing-checked"),
    (("verify", "model", "--key", "other.pub"), 1, [2003], "refused"),
    (("gate", "model", *BASELINE), 0, [2003], "allow"),
    (("gate", "evil", *BASELINE), 1, [2003, 2004], "deny"),
    (("gate", "evil", *BASELINE, "-f", "sarif"), 1, [2003, 2004], "deny"),
    (("gate", "evil", "--policy", "audit", *PUBLIC), 0, [2003, 2004], "would-deny"),
    (("gate", "model", "evil", *BASELINE), 1, [2003, 2003, 2004], "allow"),
    (("scan", "model"), 0, [6007], "clean"),
    (("scan", "evil"), 1, [6007, 2004], "unsafe"),
    (("scan", "evil", "--exit-zero"), 0, [6007, 2004], "unsafe"),
    (("scan", "model", "evil"), 1, [6007, 2004], "unsafe"),
    (("sign", "plain", *KEY), 0, [6003], "signed"),
    (("sign", "evil", *KEY), 1, [6003], "refused"),
    (("attest", "model", "--type", "approval", "--reason", "ok", *KEY), 0, [6003], "signed"),
    (("pull", "model", "--to", "new", *BASELINE), 0, [2003], "allow"),
    (("pull", "evil", "--to", "new", *BASELINE), 1, [2003, 2004], "deny"),
    (("exec", "evil", "true", *BASELINE), 1, [2003, 2004], "deny"),
    (("watch", "model", "--once", *BASELINE), 0, [2003], "checked"),
    (("watch", "evil", "--once", *BASELINE), 1, [2003], "refused"),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: "-".join(call[0]).replace("/", "_"))
def test_every_deciding_command_tells_what_it_decided(
    call: tuple[tuple[str, ...], int, list[int], str], house: Path, run_cli: RunCli
) -> None:
    args, code, kinds, verdict = call
    assert run_cli("key", "generate", "-o", "other.key", cwd=house).code == 0
    done = run_cli(*args, *TOLD, cwd=house)
    assert done.code == code, done.stderr
    events = told(house)
    assert classes(events) == kinds
    assert events[0]["unmapped"]["verdict"] == verdict
    assert len({event["metadata"]["correlation_uid"] for event in events}) == 1
    assert len({event["metadata"]["uid"] for event in events}) == len(events)


def test_a_ledger_and_a_lock_tell_as_well(house: Path, run_cli: RunCli) -> None:
    ledger = ("--ledger", "ledger")
    run_cli("ledger", "init", "ledger", "--admit", "release.pub", cwd=house)
    run_cli("lock", "update", "model", *BASELINE, cwd=house)
    digest = f"wm1:{'a' * 64}"
    for args in (
        ("ledger", "verify", *ledger),
        ("ledger", "monitor", *ledger, "--learn"),
        ("revoke", digest, "--reason", "poisoned", *ledger, *KEY),
        ("ledger", "monitor", *ledger, "--mine", digest),
        ("lock", "verify", "model"),
        ("lock", "verify", "plain"),
    ):
        run_cli(*args, *TOLD, cwd=house)
    events = told(house)
    assert classes(events) == [2003, 2003, 6003, 2003, 2004, 2003, 2003]
    revoked = events[2]
    assert (revoked["activity_name"], revoked["resources"][0]["name"]) == ("Delete", digest)
    assert [one["compliance"]["status"] for one in events[5:]] == ["Pass", "Fail"]


def test_a_wrong_call_decided_nothing_and_tells_nothing(house: Path, run_cli: RunCli) -> None:
    assert run_cli("gate", "model", "--policy", "basline", *PUBLIC, *TOLD, cwd=house).code == 2
    assert not (house / "told").exists()


def test_a_denial_names_policy_artifact_and_reasons(house: Path, run_cli: RunCli) -> None:
    run_cli("gate", "evil", *BASELINE, *TOLD, cwd=house)
    denied, found = told(house)
    assert denied["resources"][0]["name"] == "evil"
    assert denied["resources"][0]["uid"].startswith("wm1:")
    assert denied["compliance"]["standards"][0].startswith("baseline (sha256:")
    failed = {one["name"] for one in denied["compliance"]["checks"] if one["status"] == "Fail"}
    assert {"signature", "scan"} <= failed
    assert denied["disposition"] == "Blocked"
    assert (found["finding_info"]["types"], found["severity"]) == (["PKL001"], "Critical")
    assert found["evidences"][0]["file"]["path"] == "evil/m.bin"


def test_findings_below_the_threshold_and_accepted_ones_are_not_told(
    house: Path, run_cli: RunCli
) -> None:
    accept = ("--write-baseline", "base.toml", "--reason", "known", "--expires", "2100-01-01")
    assert run_cli("scan", "evil", *accept, *TOLD, cwd=house).code == 0
    assert classes(told(house)) == [6007]


@pytest.mark.parametrize("form", ["ocsf", "cef", "json"])
def test_names_full_of_syntax_stay_one_line(house: Path, run_cli: RunCli, form: str) -> None:
    name = 'x\n<13>1 a|b=c]" \x1b[31m\u202e{}%s'
    (house / "evil" / name).write_bytes(EVIL)
    done = run_cli("scan", "evil", *TOLD, "--events-format", form, cwd=house)
    assert done.code == 1
    lines = (house / "told").read_text().splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)


def test_a_command_runs_only_after_its_decision_was_told(house: Path, run_cli: RunCli) -> None:
    words = ("exec", "model", "touch", "ran", *BASELINE)
    lost = ("--events", f"syslog+tcp://127.0.0.1:{closed_port()}", "--events-required")
    assert run_cli(*words[:2], *BASELINE, *lost, "--", *words[2:4], cwd=house).code == 4
    assert not (house / "ran").exists()
    assert run_cli(*words[:2], *BASELINE, *TOLD, "--", *words[2:4], cwd=house).code == 0
    assert (house / "ran").exists()
    assert [one["unmapped"]["verdict"] for one in told(house)] == ["allow"]


# --- where they go --------------------------------------------------------------------------------


def test_the_answer_is_the_same_with_and_without_events(house: Path, run_cli: RunCli) -> None:
    plain = run_cli("scan", "evil", "-f", "json", cwd=house)
    with_events = run_cli("scan", "evil", "-f", "json", *TOLD, cwd=house)
    assert plain.stdout == with_events.stdout
    assert (plain.code, plain.stderr) == (with_events.code, with_events.stderr)


def test_stdout_is_for_one_of_them_only(house: Path, run_cli: RunCli) -> None:
    done = run_cli("scan", "evil", "--events", "-", cwd=house)
    assert (done.code, done.stdout) == (2, "")
    done = run_cli("scan", "evil", "-f", "json", "-o", "answer", "--events", "-", cwd=house)
    assert done.code == 1
    assert [json.loads(line)["class_uid"] for line in done.stdout.splitlines()] == [6007, 2004]
    assert fitting((house / "answer").read_text(), "scan")["exit"] == 1


def test_a_receiver_that_is_down_changes_no_verdict_and_gets_it_later(
    house: Path, run_cli: RunCli
) -> None:
    port = closed_port()
    syslog = ("--events", f"syslog+tcp://127.0.0.1:{port}/")
    done = run_cli("verify", "model", *PUBLIC, *syslog, "-q", cwd=house)
    assert done.code == 0
    assert "sent by the next run" in done.stderr
    spools = list((Path(os.environ["HOME"]) / ".local/state/weightmark/events").rglob("*.events"))
    assert len(spools) == 1
    script = Script([503] * 4)
    with web_server(script) as url:
        web = ("--events", f"{url}/hunter2", "--events", "told")
        done = run_cli("verify", "model", *PUBLIC, *web, cwd=house)
        assert done.code == 0
        assert "hunter2" not in done.stderr
        assert len(told(house)) == 1, "one receiver does not hinder the other"
        assert run_cli("scan", "model", *web, cwd=house).code == 0
    bodies = [json.loads(one.body)[0]["class_uid"] for one in script.requests]
    assert bodies == [2003] * 4 + [6007, 2003]


def test_required_events_that_are_lost_make_nothing_good(house: Path, run_cli: RunCli) -> None:
    lost = ("--events", f"syslog+tcp://127.0.0.1:{closed_port()}", "--events-required")
    done = run_cli("verify", "model", *PUBLIC, *lost, "-f", "json", cwd=house)
    answer = fitting(done.stdout, "error")
    assert (done.code, answer["exit"], answer["code"]) == (4, 4, "network")
    assert "verified: wm1:" in answer["what"]
    assert run_cli("gate", "evil", *BASELINE, *lost, cwd=house).code == 1, "a denial stays one"
    assert run_cli("verify", "plain", *PUBLIC, *lost, cwd=house).code == 4


def test_offline_keeps_events_for_a_later_run(house: Path, run_cli: RunCli) -> None:
    script = Script()
    with web_server(script) as url:
        done = run_cli("scan", "model", "--offline", "--events", url, cwd=house)
        assert done.code == 0
        assert "`--offline`" in done.stderr
        assert script.requests == []
        assert run_cli("scan", "evil", "--events", url, cwd=house).code == 1
    assert len(script.requests) == 2


def test_the_secret_of_a_webhook_comes_from_a_file_or_a_variable(
    house: Path, run_cli: RunCli
) -> None:
    script = Script()
    (house / "secret").write_text("0123456789abcdef\n")
    with web_server(script) as url:
        web = ("scan", "model", "--events", url)
        assert run_cli(*web, "--events-secret-file", "secret", cwd=house).code == 0
        env = {"WEIGHTMARK_EVENTS_SECRET": "0123456789abcdef"}
        assert run_cli(*web, cwd=house, env=env).code == 0
        (house / "secret").write_text("short")
        done = run_cli(*web, "--events-secret-file", "secret", cwd=house)
    assert done.code == 2
    assert len(script.requests) == 2
    assert all(one.headers["webhook-signature"].startswith("v1,") for one in script.requests)


def test_a_login_in_an_address_is_refused_without_repeating_it(
    house: Path, run_cli: RunCli
) -> None:
    done = run_cli("scan", "model", "--events", "https://me:hunter2@h.example/", cwd=house)
    assert done.code == 2
    assert "hunter2" not in done.stderr


def test_a_found_settings_file_sends_events_nowhere(house: Path, run_cli: RunCli) -> None:
    script = Script()
    with web_server(script) as url:
        (house / "weightmark.toml").write_text(
            f'events = ["{url}", "told"]\n[gate]\nrespond = "respond.toml"\nact = true\n'
        )
        rules(house)
        done = run_cli("gate", "evil", *BASELINE, cwd=house)
        assert done.code == 1
        assert "ignored" in done.stderr
        assert script.requests == []
        assert not (house / "told").exists()
        assert (house / "evil").exists()
        assert run_cli("scan", "evil", "--config", "weightmark.toml", cwd=house).code == 1
    assert len(script.requests) == 1
    assert classes(told(house)) == [6007, 2004]


def test_variables_name_receivers_one_a_line(house: Path, run_cli: RunCli) -> None:
    env = {"WEIGHTMARK_EVENTS": "told\nmore", "WEIGHTMARK_SCAN_EVENTS_FORMAT": "json"}
    assert run_cli("scan", "model", cwd=house, env=env).code == 0
    assert json.loads((house / "more").read_text())["schema"] == "weightmark/event/v1"
    assert (house / "told").read_text() == (house / "more").read_text()


def test_a_file_of_events_inside_of_the_artifact_is_refused(house: Path, run_cli: RunCli) -> None:
    done = run_cli("scan", "model", "--events", "model/told", cwd=house)
    assert done.code == 2
    assert not (house / "model" / "told").exists()


def test_a_file_that_cannot_be_written_is_told_and_changes_nothing(
    house: Path, run_cli: RunCli
) -> None:
    done = run_cli("scan", "model", "--events", "missing/told", cwd=house)
    assert done.code == 0
    assert "did not reach `missing/told`" in done.stderr


def test_start_up_without_events_loads_nothing_of_them(house: Path, spawn_cli: RunCli) -> None:
    env = {"PYTHONPROFILEIMPORTTIME": "1"}
    done = spawn_cli("verify", "model", *PUBLIC, cwd=house, env=env)
    assert done.code == 0
    assert "weightmark.provenance.events" not in done.stderr
    assert "weightmark.cli.telling" not in done.stderr


def test_a_scan_with_many_findings_tells_a_thousand_and_counts_the_rest() -> None:
    line = FindingLine("PKL001", "critical", "bad", "m.bin")
    facts = {"fail_on": "high", "artifacts": [], "failures": []}
    document = Document(
        "weightmark/scan/v1", Exit.BAD, "unsafe", findings=(line,) * 1500, facts=facts
    )
    events = Teller.of("scan").told(document)
    assert len(events) == 1001
    assert (events[0].counts["findings"], events[0].labels["findings_not_told"]) == (1500, "500")


def test_long_names_fill_no_receiver_and_hide_no_other_finding() -> None:
    """A publisher chooses the names: many long ones are not all told, and one that is endless crowds nobody out."""
    facts = {"fail_on": "high", "artifacts": [], "failures": []}
    for first, rest, least, most in (
        ("x" * 10**7, "m.bin", 1000, 1000),
        ("", "y" * 4000, 200, 300),
    ):
        lines = (FindingLine("PKL001", "critical", "bad", first),
                 *(FindingLine("PKL001", "critical", "bad", rest),) * 1500)  # fmt: skip
        document = Document("weightmark/scan/v1", Exit.BAD, "unsafe", findings=lines, facts=facts)
        scan, *found = Teller.of("scan").told(document)
        assert least <= len(found) <= most
        assert int(scan.labels["findings_not_told"]) == 1501 - len(found)


def test_a_token_is_shown_to_one_receiver_only(house: Path, run_cli: RunCli) -> None:
    """Each of two could use it to speak as the caller to the other."""
    (house / "token").write_text("hunter2\n")
    scan = ("scan", "model", "--events-token-file", "token")
    one, other = Script(), Script()
    with web_server(one) as url, web_server(other) as elsewhere:
        done = run_cli(*scan, "--events", url, "--events", elsewhere, cwd=house)
        assert (done.code, one.requests, other.requests) == (2, [], [])
        assert "for one receiver" in done.stderr
        words = ("--events", f"{url}/a", "--events", f"{url}/b", "--events", "told")
        assert run_cli(*scan, *words, cwd=house).code == 0
    assert {came.headers["authorization"] for came in one.requests} == {"Bearer hunter2"}


def test_the_pin_of_a_token_is_in_no_event() -> None:
    uri = "pkcs11:token=t;object=o?pin-value=hunter2&module-path=/lib/x.so"
    document = Document(
        "weightmark/verify/v1",
        Exit.BAD,
        "refused",
        headline=f"not signed by {uri}",
        checks=(CheckLine(Outcome.FAIL, "signature", f"`{uri}`"),),
        facts={"path": f"https://me:hunter2@h.example/m?token=hunter2 {uri}", "signers": [uri]},
    )
    teller = Teller.of("verify")
    events = (*teller.told(document), *teller.failed(NetworkError(uri, why=uri), uri))
    assert len(events) == 2
    for form in ("ocsf", "cef", "json"):
        assert all(b"hunter2" not in Message.of(one, named(form)).body for one in events)


def test_a_fault_in_telling_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Document("weightmark/scan/v1", Exit.BAD, "unsafe", facts={})
    aftermath = Aftermath(Teller.of("scan"), None, False, None, "")
    assert aftermath.of(broken) == broken
    assert "bug" in capsys.readouterr().err
    assert Aftermath(Teller.of("scan"), None, True, None, "").of(broken).exit is Exit.BAD
    with pytest.raises(NetworkError):
        Aftermath(Teller.of("scan"), None, True, None, "").of(
            Document("weightmark/scan/v1", Exit.GOOD, "clean", facts={})
        )


# --- services -------------------------------------------------------------------------------------


def test_a_service_tells_each_answer_and_not_its_own_end(house: Path) -> None:
    from tests.cli.test_gate_serve import serving

    (house / "p.toml").write_text(
        'version = 1\n[roles.release]\nkeys = ["release.pub"]\n[require.release]\n'
    )
    (house / "models").mkdir()
    (house / "model").rename(house / "models" / "good")
    (house / "evil").rename(house / "models" / "evil")
    script = Script()
    with web_server(script) as url:
        events = ("--events", "told", "--events", f"{url}/x")
        with serving(house, "--root", "models", *events) as served:
            assert served.decide(path="good")[0] == 200
            assert served.decide(path="evil")[0] == 403
            assert served.decide(path="missing")[0] >= 400
            deadline = time.monotonic() + 30
            while len(script.requests) < 2 or not (house / "told").exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            served.process.terminate()
            served.process.wait(30)
    events_told = told(house)
    assert [one["unmapped"]["verdict"] for one in events_told[:2]] == ["allow", "deny"]
    assert {one["unmapped"]["command"] for one in events_told} == {"gate serve"}
    posted = [one for request in script.requests for one in json.loads(request.body)]
    assert [one["metadata"]["uid"] for one in posted] == [
        one["metadata"]["uid"] for one in events_told
    ]
