"""`weightmark gate` in every form, and several forms of one decision."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, make_model, make_signed
from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli

_SARIF_SCHEMA = Path(__file__).parents[2] / ".peers" / "sarif" / "sarif-2.1.0-rtm.5.json"
FORMS = ("text", "json", "jsonl", "sarif", "junit", "github", "markdown")
HOSTILE = "a\x1b[31m|`]<b>\n::error::x.bin"


@pytest.fixture
def public(tmp_path: Path) -> str:
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    return str(tmp_path / "release.pub")


@pytest.fixture
def evil(tmp_path: Path) -> str:
    return str(make_model(tmp_path / "model", **{HOSTILE: EVIL_PICKLE}))


@pytest.fixture
def good(tmp_path: Path) -> str:
    return str(make_signed(tmp_path / "good"))


def _cases(text: str) -> dict[str, str]:
    """Return each case of a JUnit report with what came of it."""
    suite = ET.fromstring(text)  # noqa: S314 - our own output
    return {
        str(case.get("name")): case[0].tag if len(case) else "passed"
        for case in suite.iter("testcase")
    }


def _gate(run_cli: RunCli, *words: str) -> Ran:
    return run_cli("gate", *words, "--fresh")


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_the_gate_lets_a_file_name_give_commands(
    evil: str, public: str, run_cli: RunCli, form: str
) -> None:
    ran = _gate(run_cli, evil, "--policy", "baseline", "--key", public, "-f", form)
    assert ran.code == 1
    assert "\x1b" not in ran.stdout
    assert not re.search(r"^::error::", ran.stdout, re.MULTILINE)
    assert "<b>" not in ran.stdout if form == "junit" else True


@pytest.mark.parametrize("form", FORMS)
def test_every_form_tells_a_denial_from_an_allow(
    evil: str, good: str, public: str, run_cli: RunCli, form: str
) -> None:
    told = {}
    for path, code in ((evil, 1), (good, 0)):
        ran = _gate(run_cli, path, "--policy", "baseline", "--key", public, "-f", form)
        assert ran.code == code
        told[code] = ran.stdout
    assert "deny" in told[1] or form == "junit"
    assert "deny" not in told[0]
    assert told[0] != told[1]


@pytest.mark.needs("sarif_schema")
@pytest.mark.parametrize("names", [("model",), ("good",), ("good", "model")])
def test_sarif_of_the_gate_fits_the_schema_of_the_standard(
    evil: str, good: str, public: str, run_cli: RunCli, names: tuple[str, ...]
) -> None:
    paths = [path for path in (good, evil) if Path(path).name in names]
    ran = _gate(run_cli, *paths, "--policy", "baseline", "--key", public, "-f", "sarif")
    schema = Draft4Validator(json.loads(_SARIF_SCHEMA.read_text()))
    assert [error.message for error in schema.iter_errors(json.loads(ran.stdout))] == []


def test_sarif_shows_each_check_that_refused_under_a_rule_of_its_own_words(
    evil: str, public: str, run_cli: RunCli
) -> None:
    ran = _gate(run_cli, evil, "--policy", "baseline", "--key", public, "-f", "sarif")
    (run,) = json.loads(ran.stdout)["runs"]
    rules = {one["id"]: one for one in run["tool"]["driver"]["rules"]}
    assert {"gate-signature", "gate-scan"} <= {*rules}
    for name in ("gate-signature", "gate-scan"):
        said = rules[name]
        assert "wm1:" not in said["shortDescription"]["text"]
        assert said["fullDescription"]["text"] in said["help"]["text"]
        assert run_cli("explain", name).code == 0
    results = [one for one in run["results"] if one["ruleId"] == "gate-signature"]
    (place,) = results[0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"].endswith("/model")


def test_sarif_of_several_names_the_artifact_that_was_refused(
    evil: str, good: str, public: str, run_cli: RunCli
) -> None:
    ran = _gate(run_cli, good, evil, "--policy", "baseline", "--key", public, "-f", "sarif")
    (run,) = json.loads(ran.stdout)["runs"]
    refused = [one for one in run["results"] if one["ruleId"].startswith("gate-")]
    places = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in refused}
    assert {place.rpartition("/")[2] for place in places} == {"model"}


def test_junit_of_the_gate_calls_its_cases_the_same_in_every_run(
    evil: str, public: str, run_cli: RunCli, tmp_path: Path
) -> None:
    other = make_model(tmp_path / "other", **{"b.bin": EVIL_PICKLE})
    words = ("--policy", "baseline", "--key", public, "-f", "junit")
    one, two = (_cases(_gate(run_cli, path, *words).stdout) for path in (evil, str(other)))
    assert one["signature"] == two["signature"] == "failure"
    checks = [{name for name in cases if " at " not in name} for cases in (one, two)]
    assert checks[0] == checks[1]


def test_junit_fails_what_the_policy_refuses_at_a_severity_that_is_no_default(
    tmp_path: Path, public: str, run_cli: RunCli
) -> None:
    mild = make_model(tmp_path / "mild", **{"unknown.pkl": UNKNOWN_CLASS})
    words = ("--policy", "baseline", "--key", public, "--fail-on", "low", "-f")
    cases = _cases(_gate(run_cli, str(mild), *words, "junit").stdout)
    found = [outcome for name, outcome in cases.items() if " at " in name]
    assert found
    assert {*found} == {"failure"}


UNKNOWN_CLASS = b"\x80\x04\x8c\x05othrr\x8c\x05Thing\x93."
"""a pickle that names a class which nobody knows and calls nothing"""


def test_junit_counts_what_the_policy_excepts_as_no_failure(
    tmp_path: Path, public: str, run_cli: RunCli
) -> None:
    signed = make_model(tmp_path / "excepted")
    (signed / "evil.bin").write_bytes(EVIL_PICKLE)
    first = _gate(run_cli, str(signed), "--policy", "baseline", "--key", public, "-f", "json")
    found = fitting(first.stdout, "gate")
    rule = found["findings"][0]["rule"]
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f"""version = 1
[roles.release]
keys = ["release.pub"]
[require.release]
[[exceptions]]
rule = "{rule}"
artifact = "{found["identity"]}"
reason = "looked through"
approver = "somebody"
expires = 2999-01-01
"""
    )
    ran = _gate(run_cli, str(signed), "--policy", str(policy), "-f", "junit")
    told = [outcome for name, outcome in _cases(ran.stdout).items() if name.startswith(rule)]
    assert told == ["skipped"]


def test_markdown_of_the_gate_says_why_and_how_to_mend_it(
    evil: str, public: str, run_cli: RunCli
) -> None:
    ran = _gate(run_cli, evil, "--policy", "baseline", "--key", public, "-f", "markdown")
    rows = [line for line in ran.stdout.splitlines() if line.startswith("|")]
    assert any("`why`" in row for row in rows)
    assert any("`help`" in row and "weightmark attest" in row for row in rows)
    assert "(exit 1)" in ran.stdout.splitlines()[0]


def test_json_lines_end_with_the_verdict(evil: str, public: str, run_cli: RunCli) -> None:
    ran = _gate(run_cli, evil, "--policy", "baseline", "--key", public, "-f", "jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in ran.stdout.splitlines()]
    assert rows[-1]["verdict"] == "deny"
    assert rows[-1]["exit"] == 1


def test_reports_say_what_each_form_alone_says(
    evil: str, public: str, run_cli: RunCli, tmp_path: Path
) -> None:
    words = (evil, "--policy", "baseline", "--key", public, "--now", "2026-01-01T00:00:00Z")
    asked = [word for form in FORMS for word in ("--report", f"{form}={tmp_path / form}")]
    ran = _gate(run_cli, *words, *asked, "-f", "sarif")
    assert ran.code == 1
    assert (tmp_path / "sarif").read_text() == ran.stdout
    for form in FORMS:
        alone = _gate(run_cli, *words, "-f", form)
        assert (tmp_path / form).read_text() == alone.stdout


def test_a_report_that_cannot_be_written_is_no_success_and_hides_no_decision(
    good: str, public: str, run_cli: RunCli, tmp_path: Path
) -> None:
    kept, lost = tmp_path / "kept.json", tmp_path / "none" / "lost.sarif"
    words = (good, "--policy", "baseline", "--key", public, "--report", f"json={kept}")
    ran = _gate(run_cli, *words, "--report", f"sarif={lost}", "-f", "json")
    assert ran.code == 4
    found = fitting(ran.stdout, "gate")
    assert found["verdict"] == "allow"
    assert [one["name"] for one in found["checks"] if one["outcome"] == "unchecked"] == ["report"]
    assert fitting(kept.read_text(), "gate")["verdict"] == "allow"


def test_a_call_that_ends_in_an_error_leaves_no_older_report_that_allows(
    good: str, public: str, run_cli: RunCli, tmp_path: Path
) -> None:
    report = tmp_path / "gate.json"
    words = ("--policy", "baseline", "--key", public, "--report", f"json={report}")
    assert _gate(run_cli, good, *words).code == 0
    ran = _gate(run_cli, str(tmp_path / "missing"), *words)
    assert ran.code == 2
    assert fitting(report.read_text(), "error")["exit"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--polcy", "baseline"],
        ["--policy"],
        ["--jobs", "many"],
        ["--mode", "off"],
        ["--report", "sarif"],
        ["--report", "yaml=x"],
        ["--signature", ""],
        ["--config", "missing.toml"],
        ["--policy", "./missing.toml"],
        ["--now", "yesterday"],
    ],
    ids=" ".join,
)
def test_a_call_that_is_not_understood_leaves_no_older_answer_that_allows(
    good: str, public: str, run_cli: RunCli, tmp_path: Path, wrong: list[str]
) -> None:
    report, answer, text = (str(tmp_path / name) for name in ("gate.json", "gate.sarif", "a.txt"))
    words = ("gate", good, "--policy", "baseline", "--key", public, "--report", f"json={report}")
    told = {"WEIGHTMARK_GATE_REPORT": f"junit={tmp_path / 'gate.xml'}"}
    assert run_cli(*words, "-f", "sarif", "-o", answer).code == 0
    assert run_cli(*words, "-o", text).code == 0
    assert run_cli("gate", good, "--policy", "baseline", "--key", public, env=told).code == 0
    for more in (("-f", "sarif", "-o", answer), ("-o", text)):
        ran = run_cli(*words, *more, *wrong)
        assert ran.code == 2, ran.stderr
        assert ran.stdout == ""
    assert fitting(Path(report).read_text(), "error")["exit"] == 2
    assert json.loads(Path(answer).read_text())["runs"][0]["invocations"][0]["exitCode"] == 2
    assert "allow" not in Path(text).read_text()
    assert run_cli("gate", good, "--policy", "baseline", *wrong, env=told).code == 2
    if "--report" not in wrong:  # which would stand in place of the variable
        assert _cases((tmp_path / "gate.xml").read_text()) == {"call": "error"}


def test_a_call_that_is_not_understood_writes_into_nothing_that_it_names(
    good: str, public: str, run_cli: RunCli, tmp_path: Path
) -> None:
    inside = Path(good) / "config.json"
    inside.write_text("{}")
    words = ("gate", good, "--policy", "baseline", "--key", public, "--nonsense")
    assert run_cli(*words, "--report", f"json={inside}").code == 2
    assert inside.read_text() == "{}"
    assert run_cli("scan", str(inside), "--nonsense", "-o", str(inside)).code == 2
    assert inside.read_text() == "{}"
    # what is scanned may hold an older answer
    answer = Path(good) / "scan.txt"
    assert run_cli("scan", good, "--nonsense", "-o", str(answer)).code == 2
    assert not answer.exists()
    answer.write_text("clean")
    assert run_cli("scan", good, "--nonsense", "-o", str(answer)).code == 2
    assert "nonsense" in answer.read_text()
    assert run_cli("key", "generate", "-o", str(tmp_path / "k.key"), "--nonsense").code == 2
    assert not (tmp_path / "k.key").exists()


@pytest.mark.parametrize(
    "case",
    [
        (["sarif"], "names no file"),
        (["sarif="], "names no file"),
        (["yaml=x"], "names no form"),
        (["=x"], "names no form"),
        (["json=x", "sarif=./x"], "written twice"),
        (["json=out.vsa"], "written twice"),
        (["json=answer"], "written twice"),
        (["json=GOOD/report.json"], "lies inside the artifact"),
    ],
)
def test_reports_that_make_no_sense_are_refused_before_anything_is_read_or_written(
    good: str, public: str, run_cli: RunCli, tmp_path: Path, case: tuple[list[str], str]
) -> None:
    reports, said = case
    before = {path: path.read_bytes() for path in Path(good).iterdir()}
    asked = [word for one in reports for word in ("--report", one.replace("GOOD", good))]
    words = ("--policy", "baseline", "--key", public, "--vsa", "out.vsa", "-o", "answer")
    ran = run_cli("gate", good, *words, *asked, cwd=tmp_path)
    assert ran.code == 2
    assert said in ran.stderr
    assert not (tmp_path / "x").exists()
    assert {path: path.read_bytes() for path in Path(good).iterdir()} == before


def test_a_settings_file_anchors_the_files_of_reports(
    good: str, public: str, run_cli: RunCli, tmp_path: Path
) -> None:
    settings = tmp_path / "settings" / "weightmark.toml"
    settings.parent.mkdir()
    settings.write_text('[gate]\nreport = ["json=gate.json", "junit=gate.xml"]\n')
    words = ("--policy", "baseline", "--key", public, "--config", str(settings))
    assert _gate(run_cli, good, *words).code == 0
    assert fitting((settings.parent / "gate.json").read_text(), "gate")["verdict"] == "allow"
    assert _cases((settings.parent / "gate.xml").read_text())["signature"] == "passed"


def test_a_replay_is_reported_too(good: str, public: str, run_cli: RunCli, tmp_path: Path) -> None:
    kept, report = tmp_path / "decision.json", tmp_path / "replay.md"
    words = ("--policy", "baseline", "--key", public, "--decision", str(kept))
    assert _gate(run_cli, good, *words).code == 0
    ran = run_cli("gate", "--replay", str(kept), "--report", f"markdown={report}")
    assert ran.code == 0
    assert "reproduced" in report.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gate", "wm1:a3a8", "--policy", "baseline"), "64 hexadecimal digits"),
        (("gate", "--replay", "GOOD/model.claims"), "`gate --decision FILE`"),
        (
            ("attest", "GOOD", "--type", "approval", "--reason", "x", "--expires", "2020-01-01"),
            "ended already",
        ),
    ],
)
def test_advice_names_what_helps(
    good: str, public: str, run_cli: RunCli, words: tuple[str, ...], said: str
) -> None:
    ran = run_cli(*(word.replace("GOOD", good) for word in words), "--key", public)
    assert ran.code != 0
    assert said in ran.stderr


def test_a_preset_can_be_checked_by_its_name(run_cli: RunCli, tmp_path: Path) -> None:
    ran = run_cli("policy", "check", "baseline")
    assert ran.code == 0
    assert "ledger.required" in ran.stdout
    (tmp_path / "baseline").write_text("version = 1\nnonsense = 1\n")
    assert run_cli("policy", "check", "baseline", cwd=tmp_path).code == 2
