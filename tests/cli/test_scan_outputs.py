"""Every form in which a scan answers: valid for its readers, and inert whatever the files are called."""

import io
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from tests.cli.running import RunCli
from weightmark.cli.render import CheckLine, Document, FindingLine, Outcome, Style, renderer
from weightmark.errors import Exit

_ROOT = Path(__file__).parents[2]
_SARIF_SCHEMA = _ROOT / ".peers" / "sarif" / "sarif-2.1.0-rtm.5.json"
EVIL = b"cos\nsystem\n(S'echo x'\ntR."
HOSTILE_NAME = "a\x1b]0;x\x07\n::error::b|c`[l](e)<b>\u202e%0A@me{0}.bin"
FORMATS = ("text", "json", "jsonl", "sarif", "junit", "github", "markdown")
_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066\ufeff\ud800-\udfff]")
hostile = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x00\x1b\r\n|`:%,<>&\"'[](){}\\#@\u202e\u2028\udc80\ufffe"),
    ),
    max_size=30,
)


def _packed(folder: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{folder}/data.pkl", EVIL)
    return out.getvalue()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    root = tmp_path / "model"
    root.mkdir()
    (root / HOSTILE_NAME).write_bytes(EVIL)
    (root / "torch.pt").write_bytes(_packed("archive"))
    (root / "cut.pkl").write_bytes(b"\x80\x04}\x8c\x01a\x88s")
    (root / "README.md").write_bytes(b"words\n")
    return tmp_path


def _sarif(run_cli: RunCli, cwd: Path, *args: str) -> dict[str, Any]:
    ran = run_cli("scan", *args, "-f", "sarif", cwd=cwd)
    document: dict[str, Any] = json.loads(ran.stdout)
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("form", FORMATS)
def test_no_form_lets_a_file_name_reach_the_terminal_or_changes_the_exit_code(
    model: Path, run_cli: RunCli, form: str
) -> None:
    ran = run_cli("scan", "model", "-f", form, cwd=model)
    assert ran.code == 1
    assert "PKL001" in ran.stdout
    assert not _FORBIDDEN.search(ran.stdout)
    assert ran.stdout == run_cli("scan", "model", "-f", form, cwd=model).stdout


_FAILED_ANSWERS = {
    "json": '"code": "usage"',
    "jsonl": '"verdict": "failed", "exit": 2',
    "sarif": '"executionSuccessful": false',
    "junit": 'errors="1"',
    "github": "::error title=weightmark::the call is wrong: ",
    "markdown": "(exit 2)",
}


@pytest.mark.parametrize("form", _FAILED_ANSWERS)
@pytest.mark.parametrize("args", [("missing",), ("missing", "--no-such-flag")])
def test_a_call_that_cannot_be_answered_says_so_in_the_form_asked_for(
    model: Path, run_cli: RunCli, form: str, args: tuple[str, ...]
) -> None:
    ran = run_cli("scan", *args, "-f", form, cwd=model)
    assert ran.code == 2
    assert _FAILED_ANSWERS[form] in ran.stdout
    assert ran.stderr.startswith("error[usage]: ")
    named = run_cli("scan", *args, "-f", form, "-o", "answer", cwd=model)
    if "--no-such-flag" not in args:
        assert (model / "answer").read_text() == ran.stdout
    assert named.code == 2


@pytest.mark.needs("sarif_schema")
@pytest.mark.parametrize(
    "paths", [("model",), ("missing",), ("model", "model/torch.pt"), ("missing", "model")]
)
def test_sarif_fits_the_schema_of_the_standard(
    model: Path, run_cli: RunCli, paths: tuple[str, ...]
) -> None:
    schema = json.loads(_SARIF_SCHEMA.read_text())
    ran = run_cli("scan", *paths, "-f", "sarif", cwd=model)
    assert [
        error.message for error in Draft4Validator(schema).iter_errors(json.loads(ran.stdout))
    ] == []


def test_sarif_tells_rules_places_and_what_could_not_be_checked(
    model: Path, run_cli: RunCli
) -> None:
    run = _sarif(run_cli, model, "model")
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["PKL001"]["properties"]["security-severity"] == "9.5"
    assert "weightmark explain PKL001" in rules["PKL001"]["help"]["text"]
    calls = [one for one in run["results"] if one["ruleId"] == "PKL001"]
    (plain,) = [one for one in calls if "logicalLocations" not in one["locations"][0]]
    assert plain["locations"][0]["physicalLocation"]["region"]["byteOffset"] == 23
    packed = next(one for one in calls if "logicalLocations" in one["locations"][0])
    (place,) = packed["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "model/torch.pt"
    assert place["logicalLocations"][0]["name"] == "archive/data.pkl"
    inner = packed["relatedLocations"][0]["physicalLocation"]
    nested = run["artifacts"][inner["artifactLocation"]["index"]]
    assert run["artifacts"][nested["parentIndex"]]["location"]["uri"] == "model/torch.pt"
    assert inner["region"]["byteOffset"] == 23
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "cut.pkl" in invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_sarif_fingerprints_survive_repacking_and_tell_calls_apart(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for name, data in {
        "plain.pkl": EVIL,
        "archive.pt": _packed("archive"),
        "renamed.pt": _packed("other"),
        "another.pkl": EVIL.replace(b"echo x", b"echo y"),
    }.items():
        (tmp_path / name).write_bytes(data)
    seen = {}
    for name in ("plain.pkl", "archive.pt", "renamed.pt", "another.pkl"):
        results = _sarif(run_cli, tmp_path, name)["results"]
        (one,) = [result for result in results if result["ruleId"] == "PKL001"]
        seen[name] = one["partialFingerprints"]["weightmarkFinding/v1"]
    assert seen["plain.pkl"] == seen["archive.pt"] == seen["renamed.pt"]
    assert seen["another.pkl"] != seen["plain.pkl"]


def test_a_finding_that_stands_twice_keeps_two_fingerprints(
    tmp_path: Path, run_cli: RunCli
) -> None:
    for name in ("a.pkl", "b.pkl"):
        (tmp_path / name).write_bytes(EVIL)
    results = _sarif(run_cli, tmp_path, ".")["results"]
    assert len({json.dumps(result["partialFingerprints"]) for result in results}) == 2


def test_junit_takes_what_could_not_be_checked_for_an_error_never_for_a_pass(
    model: Path, run_cli: RunCli
) -> None:
    ran = run_cli("scan", "model/cut.pkl", "-f", "junit", cwd=model)
    assert ran.code == 4
    suites = ET.fromstring(ran.stdout)  # noqa: S314 - our own answer
    assert int(suites.get("errors", "0")) == len(suites.findall(".//error")) == 1


def test_junit_counts_failures_by_the_threshold(model: Path, run_cli: RunCli) -> None:
    suites = ET.fromstring(run_cli("scan", "model", "-f", "junit", cwd=model).stdout)  # noqa: S314 - our own answer
    assert int(suites.get("failures", "0")) == len(suites.findall(".//failure")) >= 2
    assert int(suites.get("tests", "0")) == len(suites.findall(".//testcase"))


def test_json_lines_end_with_the_verdict(model: Path, run_cli: RunCli) -> None:
    lines = run_cli("scan", "model", "-f", "jsonl", cwd=model).stdout.splitlines()
    objects = [json.loads(line) for line in lines]
    assert [one["type"] for one in objects].index("verdict") == len(objects) - 1
    assert objects[-1]["exit"] == 1
    whole = json.loads(run_cli("scan", "model", "-f", "json", cwd=model).stdout)
    found = [one for one in objects if one.pop("type") == "finding"]
    assert found == whole["findings"]


def test_an_annotation_points_to_the_file_from_where_the_call_was_made(
    model: Path, run_cli: RunCli
) -> None:
    for path in ("model", "model/torch.pt"):
        printed = run_cli("scan", path, "-f", "github", cwd=model).stdout
        assert "::error file=model/torch.pt,line=1,title=PKL001::" in printed


def test_sarif_of_a_clean_model_is_a_run_without_results(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "w.pkl").write_bytes(b"\x80\x04}.")
    run = _sarif(run_cli, tmp_path, "w.pkl")
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def _hostile_document(text: str) -> Document:
    finding = FindingLine(
        "PKL001", "critical", text, text, 1, text, text, text, text, "", text, text
    )
    return Document(
        "weightmark/scan/v1",
        Exit.BAD,
        verdict="unsafe",
        headline=f"h{text}",
        checks=(CheckLine(Outcome.UNCHECKED, "c", text, text, text, (text,)),),
        findings=(finding,),
        facts={"fail_on": "high"},
    )


@given(hostile)
def test_github_gets_no_command_but_ours(text: str) -> None:
    printed = renderer("github").render(_hostile_document(text), Style())
    lines = printed.split("\n")
    assert lines.pop() == ""
    assert len(lines) == 4
    for line in lines:
        assert re.match(r"::(error|warning|notice) [^:\r\n]*::[^\r\n]*$", line)
        assert not _FORBIDDEN.search(line)


@given(hostile)
def test_a_markdown_table_keeps_its_cells_and_holds_no_markup(text: str) -> None:
    printed = renderer("markdown").render(_hostile_document(text), Style())
    for line in printed.splitlines():
        bare = re.sub(r"(`+) ?.*?(?<!`)\1(?!`)", "", line)
        assert not set(bare) & set("<>[]@\\"), line
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in {4, 6}


@given(hostile)
def test_junit_is_xml_whatever_a_name_holds(text: str) -> None:
    printed = renderer("junit").render(_hostile_document(text), Style())
    root = ET.fromstring(printed.encode())  # noqa: S314 - our own answer
    assert len(root.findall(".//testcase")) == 3


@given(hostile)
def test_sarif_messages_hold_no_links_and_no_placeholders(text: str) -> None:
    document = json.loads(renderer("sarif").render(_hostile_document(text), Style()))
    (result,) = document["runs"][0]["results"]
    said = result["message"]["text"]
    assert not re.search(r"(?<!\\)(?:\\\\)*\[", said)
    assert not re.search(r"(?<!\{)(?:\{\{)*\{(?!\{)", said)
    assert result["suppressions"] if text else "suppressions" not in result


@given(hostile)
def test_every_json_line_is_one_object(text: str) -> None:
    printed = renderer("jsonl").render(_hostile_document(text), Style())
    assert printed.isascii()
    assert [json.loads(line)["type"] for line in printed.splitlines()] == [
        "finding",
        "check",
        "verdict",
    ]


def test_many_paths_patterns_and_lists_are_scanned_once_each_in_order(
    model: Path, run_cli: RunCli
) -> None:
    (model / "list").write_text("model/torch.pt\nmodel/cut.pkl\n")
    ran = run_cli("scan", "model/*.p*", "--from-file", "list", "-f", "json", cwd=model)
    paths = [one["path"] for one in json.loads(ran.stdout)["artifacts"]]
    assert paths == ["model/cut.pkl", "model/torch.pt"]


def test_a_pattern_that_fits_nothing_is_a_wrong_call(model: Path, run_cli: RunCli) -> None:
    assert run_cli("scan", "model/*.nothing", cwd=model).code == 2
    assert run_cli("scan", cwd=model).code == 2


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "[a].pkl").write_bytes(EVIL)
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04}.")
    assert run_cli("scan", "[a].pkl", cwd=tmp_path).code == 1


def test_a_pattern_is_not_led_in_circles_by_links(tmp_path: Path, run_cli: RunCli) -> None:
    for name in ("a", "b"):
        (tmp_path / name).symlink_to(".", target_is_directory=True)
    (tmp_path / "m.pkl").write_bytes(EVIL)
    ran = run_cli("scan", "**/*.pkl", "-f", "json", cwd=tmp_path)
    assert [one["path"] for one in json.loads(ran.stdout)["artifacts"]] == ["m.pkl"]
    absolute = run_cli("scan", f"{tmp_path}/*.pkl", "-f", "json", cwd=tmp_path)
    assert [one["path"] for one in json.loads(absolute.stdout)["artifacts"]] == [
        f"{tmp_path}/m.pkl"
    ]


def test_an_empty_list_checks_nothing_and_is_no_success(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "list").write_bytes(b"\n")
    assert run_cli("scan", "--from-file", "list", cwd=tmp_path).code == 2


def test_stdin_is_scanned_as_a_file(tmp_path: Path, spawn_stdin: "Any") -> None:
    assert spawn_stdin(("scan", "-"), EVIL) == 1
    assert spawn_stdin(("scan", "-"), b"\x80\x04}.") == 0
    assert spawn_stdin(("scan", "-"), b"") == 3
    assert spawn_stdin(("scan", "-", "--from-file", "-"), b"x\n") == 2


def test_a_list_of_paths_comes_on_stdin(model: Path, spawn_stdin: "Any") -> None:
    listed = f"{model / 'model' / 'torch.pt'}\n".encode()
    assert spawn_stdin(("scan", "--from-file", "-"), listed) == 1


@pytest.fixture
def spawn_stdin(quiet_environment: Path) -> "Any":
    import os
    import subprocess
    import sys

    def run(args: tuple[str, ...], data: bytes) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "weightmark", *args],
            input=data,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            cwd=quiet_environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return done.returncode

    return run


def test_a_limit_that_is_hit_is_unchecked_and_names_itself(model: Path, run_cli: RunCli) -> None:
    (model / "long.pkl").write_bytes(b"\x80\x02" + b"N0" * 500 + b"N.")
    ran = run_cli("scan", "long.pkl", "--limit", "opcodes=400", "--limit", "seconds=60", cwd=model)
    assert ran.code == 4
    assert "(limit `opcodes`)" in ran.stdout
    assert run_cli("scan", "long.pkl", cwd=model).code == 0


@pytest.mark.parametrize(
    "word",
    [
        "opcodes",
        "opcodes=",
        "opcodes=0",
        "opcodes=-1",
        "opcode=1",
        "=1",
        "opcodes=1e3",
        "opcodes=\u0661",
        f"opcodes={'9' * 5000}",
    ],
)
def test_a_limit_that_makes_no_sense_is_a_wrong_call(
    model: Path, run_cli: RunCli, word: str
) -> None:
    ran = run_cli("scan", "model", "--limit", word, cwd=model)
    assert ran.code == 2
    assert ran.stderr.startswith("error[usage]: ")
    twice = run_cli("scan", "model", "--limit", "depth=1", "--limit", "depth=2", cwd=model)
    assert twice.code == 2


def test_every_form_names_a_file_as_it_was_called(model: Path, run_cli: RunCli) -> None:
    for form in ("text", "sarif", "junit", "github", "markdown"):
        said = run_cli("scan", "model", "-f", form, cwd=model).stdout
        assert "model/torch.pt" in said, form


def test_one_finding_is_one_failure_in_a_test_report(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "evil.pkl").write_bytes(EVIL)
    ran = run_cli("scan", "bad", "-f", "junit", cwd=tmp_path)
    assert ran.code == 1
    assert '<testsuites tests="1" failures="1"' in ran.stdout


def test_a_failed_check_without_a_finding_stays_a_failure_in_a_test_report() -> None:
    check = CheckLine(Outcome.FAIL, "scan", "bad", code="unsafe-findings")
    document = Document("weightmark/scan/v1", Exit.BAD, checks=(check,))
    assert 'failures="1"' in renderer("junit").render(document, Style())


def test_what_was_not_looked_into_is_never_marked_as_passed(
    tmp_path: Path, run_cli: RunCli
) -> None:
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "train.jsonl").write_text('{"a": 1}\n')
    ran = run_cli("scan", "ds", cwd=tmp_path)
    assert ran.code == 3
    assert "✓" not in ran.stdout


def test_a_baseline_for_other_content_says_so(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "bad").mkdir()
    evil = tmp_path / "bad" / "evil.pkl"
    evil.write_bytes(EVIL)
    accept = ("--write-baseline", "b.toml", "--reason", "known", "--expires", "2099-01-31")
    assert run_cli("scan", "bad", *accept, cwd=tmp_path).code == 0
    evil.write_bytes(EVIL + b"\n")
    ran = run_cli("scan", "bad", "--baseline", "b.toml", cwd=tmp_path)
    assert ran.code == 1
    assert "1 entry of the baseline is for other content than this" in ran.stdout
    (tmp_path / "b.toml").write_text(
        (tmp_path / "b.toml").read_text().replace("2099-01-31", "2020-01-31")
    )
    evil.write_bytes(EVIL)
    assert "until 2020-01-31" in run_cli("scan", "bad", "--baseline", "b.toml", cwd=tmp_path).stdout


def test_no_two_checks_have_one_name(tmp_path: Path, run_cli: RunCli) -> None:
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "README.md").write_text("---\nlicense: mit\n---\n")
    for name in ("a", "b"):
        text = json.dumps(
            {
                "@context": {"cr": "http://mlcommons.org/croissant/"},
                "conformsTo": "http://mlcommons.org/croissant/1.0",
                "distribution": [],
                "license": name,
            }
        )
        (tmp_path / "ds" / f"{name}.json").write_text(text)
    checks = json.loads(run_cli("scan", "ds", "-f", "json", cwd=tmp_path).stdout)["checks"]
    names = [one["name"] for one in checks]
    assert "description" in names
    assert len(names) == len(set(names))
