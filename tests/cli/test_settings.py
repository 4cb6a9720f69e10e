"""Settings files: order, strictness, and that nothing judged or found in CI configures the judge."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.running import Ran, RunCli
from weightmark.cli import app as app_module
from weightmark.cli.app import Entry, walk
from weightmark.cli.command import WeightmarkCommand, command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import FILE_OR_URI, FlagOption, option
from weightmark.cli.render import Document
from weightmark.errors import Exit, SettingsError
from weightmark.settings import Vocabulary, discover, resolve

_FLAGS = ("policy", "key", "claims", "deep", "jobs", "fail-on", "depth")


def _toy(path: str) -> WeightmarkCommand:
    @command(path)
    @click.argument("paths", nargs=-1)
    @option("--policy")
    @option("--key", type=FILE_OR_URI, aliases=("--public-key", "--public_key"))
    @option("--claims", multiple=True, type=FILE_OR_URI)
    @option("--deep", is_flag=True)
    @option("--depth", type=int, harmless=True)
    @option("--fail-on", type=click.Choice(["low", "high"]), default="high")
    @pass_console
    def toy(console: Console, /, paths: tuple[str, ...], **values: Any) -> NoReturn:
        values["jobs"] = console.jobs
        lines = [
            f"{flag}={values[flag.replace('-', '_')]!r} ({console.settings.origin(flag)})"
            for flag in _FLAGS
        ]
        console.finish(Document("weightmark/toy/v1", Exit.GOOD, lines=tuple(lines)))

    return toy


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `weightmark toy` and `weightmark box toy` on the map."""
    inner = {"toy": Entry("", "a toy in a box")}
    entries = {"toy": Entry("", "a toy"), "box": Entry("", "toys", members=inner)}
    made = {"toy": _toy("toy"), "box toy": _toy("box toy")}
    real = app_module.load

    def load(name: str, entry: Entry, path: str = "") -> click.Command:
        return made.get(f"{path} {name}".strip()) or real(name, entry, path)

    monkeypatch.setattr(app_module, "load", load)
    monkeypatch.setattr(app_module, "COMMANDS", {**app_module.COMMANDS, **entries})
    monkeypatch.setattr(app_module.app, "entries", app_module.COMMANDS)


def _value(ran: Ran, flag: str) -> str:
    assert ran.returncode == 0, ran.stderr
    line = next(line for line in ran.stdout.splitlines() if line.startswith(f"{flag}="))
    return line.removeprefix(f"{flag}=")


def test_flag_over_environment_over_named_over_found_over_project(
    run_cli: RunCli, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.weightmark]\ndepth = 5\n")
    steps: list[str] = []

    def look(*args: str, **env: str) -> None:
        steps.append(_value(run_cli("toy", *args, cwd=tmp_path, env=env), "depth"))

    look()
    (tmp_path / "weightmark.toml").write_text("depth = 4\n")
    look()
    (tmp_path / "named.toml").write_text("depth = 3\n")
    look("--config", "named.toml")
    look(WEIGHTMARK_CONFIG="named.toml")
    look("--config", "named.toml", WEIGHTMARK_DEPTH="2")
    look("--config", "named.toml", WEIGHTMARK_DEPTH="2", WEIGHTMARK_TOY_DEPTH="1")
    look("--config", "named.toml", "--depth", "0", WEIGHTMARK_TOY_DEPTH="1")
    assert steps == [
        f"5 (`{tmp_path / 'pyproject.toml'}`)",
        f"4 (`{tmp_path / 'weightmark.toml'}`)",
        "3 (`named.toml`)",
        "3 (`named.toml`)",
        "2 (WEIGHTMARK_DEPTH)",
        "1 (WEIGHTMARK_TOY_DEPTH)",
        "0 (--depth)",
    ]


def test_a_table_of_the_command_is_stronger_and_groups_share_theirs(
    run_cli: RunCli, tmp_path: Path
) -> None:
    file = tmp_path / "weightmark.toml"
    file.write_text(
        "policy = 'global'\n[toy]\npolicy = 'toy'\n[box]\npolicy = 'box'\nkey = 'k'\n"
        "[box.toy]\npolicy = 'box toy'\n"
    )
    named = ("--config", str(file))
    assert _value(run_cli("toy", *named, cwd=tmp_path), "policy") == f"'toy' ([toy] in `{file}`)"
    ran = run_cli("box", "toy", *named, cwd=tmp_path)
    assert _value(ran, "policy") == f"'box toy' ([box.toy] in `{file}`)"
    assert _value(ran, "key") == f"'{tmp_path / 'k'}' ([box] in `{file}`)"


def test_a_file_is_found_from_below(run_cli: RunCli, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    file = tmp_path / "weightmark.toml"
    file.write_text("depth = 2\n")
    assert _value(run_cli("toy", cwd=below), "depth") == f"2 (`{file}`)"


def test_paths_are_relative_to_the_file_that_says_them(run_cli: RunCli, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "weightmark.toml").write_text("key = 'r.pub'\nclaims = ['c', 'oci://x/y']\n")
    ran = run_cli("toy", "--config", str(tmp_path / "weightmark.toml"), cwd=below)
    assert _value(ran, "key").startswith(f"'{tmp_path / 'r.pub'}'")
    assert _value(ran, "claims").startswith(f"('{tmp_path / 'c'}', 'oci://x/y')")


def test_isolated_reads_no_file_and_verbose_names_it(run_cli: RunCli, tmp_path: Path) -> None:
    file = tmp_path / "weightmark.toml"
    file.write_text("depth = 2\n")
    assert _value(run_cli("toy", "--isolated", cwd=tmp_path), "depth") == "None (default)"
    isolated = run_cli("toy", cwd=tmp_path, env={"WEIGHTMARK_ISOLATED": "1"})
    assert _value(isolated, "depth") == "None (default)"
    assert f"settings from `{file}`" in run_cli("toy", "-v", cwd=tmp_path).stderr
    assert run_cli("toy", cwd=tmp_path).stderr == ""
    assert run_cli("toy", "--isolated", "--config", str(file)).returncode == 2


@pytest.mark.parametrize("spelling", [".", "../model", "link", "{absolute}"])
def test_an_artifact_never_configures_its_own_judge(
    run_cli: RunCli, tmp_path: Path, spelling: str
) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "link").symlink_to(model)
    (model / "weightmark.toml").write_text("policy = 'approve-me'\n")
    ran = run_cli("toy", spelling.format(absolute=model), cwd=model)
    assert _value(ran, "policy") == "None (default)"
    assert ran.stderr == f"ignored `{model / 'weightmark.toml'}`: inside the artifact\n"


def test_an_artifact_above_the_current_directory_does_not_either(
    run_cli: RunCli, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "pyproject.toml").write_text("[tool.weightmark]\npolicy = 'approve-me'\n")
    (tmp_path / "weightmark.toml").write_text("depth = 2\n")
    ran = run_cli("toy", "..", cwd=model / "sub")
    assert _value(ran, "depth").startswith("2 ")
    assert "inside the artifact" in ran.stderr


def test_one_of_many_artifacts_and_a_double_dash_change_nothing(
    run_cli: RunCli, tmp_path: Path
) -> None:
    (tmp_path / "weightmark.toml").write_text("policy = 'approve-me'\ndepth = 2\n")
    for args in (["nowhere", "."], ["--", "."], ["--", "--help", "."]):
        assert _value(run_cli("toy", *args, cwd=tmp_path), "depth") == "None (default)"


def test_a_file_inside_the_artifact_cannot_even_be_named(run_cli: RunCli, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "c.toml").write_text("policy = 'approve-me'\n")
    (tmp_path / "link.toml").symlink_to(model / "c.toml")
    for name in ("model/c.toml", "link.toml"):
        ran = run_cli("toy", "model", "--config", name, cwd=tmp_path)
        assert ran.returncode == 2
        assert "lies inside the artifact" in ran.stderr


def test_a_file_of_another_user_is_not_trusted(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import weightmark.settings as module

    file = tmp_path / "weightmark.toml"
    file.write_text("depth = 2\n")
    owner = file.stat().st_uid
    monkeypatch.setattr(module, "_trusted_owners", lambda: {owner + 1})
    ran = run_cli("toy", cwd=tmp_path)
    assert _value(ran, "depth") == "None (default)"
    assert f"owned by another user (uid {owner})" in ran.stderr


@pytest.mark.parametrize("ci", ["", "true"], ids=["at home", "in CI"])
@pytest.mark.parametrize("name", ["weightmark.toml", "pyproject.toml"])
def test_a_file_that_came_with_a_download_or_a_pull_request_configures_no_judge(
    run_cli: RunCli, tmp_path: Path, name: str, ci: str
) -> None:
    head = "[tool.weightmark]\n" if name == "pyproject.toml" else ""
    file = tmp_path / name
    file.write_text(
        f"{head}policy = 'weak'\nkey = 'theirs.pub'\nfail-on = 'low'\nclaims = ['c']\n"
        "output = 'victim'\nquiet = true\njobs = 3\n"
    )
    ran = run_cli("toy", cwd=tmp_path, env={"CI": ci})
    for flag in ("policy", "key", "claims", "fail-on"):
        assert _value(ran, flag).endswith("(default)")
    assert ran.stderr == (
        "ignored `claims`, `fail-on`, `key`, `output`, `policy`, `quiet` from "
        f"`{file}`: it was found, and nobody named it; `--config {file}` uses it\n"
    )
    assert not (tmp_path / "victim").exists()
    assert _value(ran, "jobs").startswith("3 ")


def test_a_file_that_is_named_is_not_ignored_as_found(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "weightmark.toml").write_text("policy = 'mine'\n")
    for name in ("weightmark.toml", str(tmp_path / "weightmark.toml")):
        ran = run_cli("toy", "--config", name, cwd=tmp_path, env={"CI": "true"})
        assert _value(ran, "policy").startswith("'mine'")
        assert ran.stderr == ""
        named = run_cli("toy", cwd=tmp_path, env={"WEIGHTMARK_CONFIG": name})
        assert _value(named, "policy").startswith("'mine'")


def test_no_command_lets_a_found_file_choose_trust_policy_evidence_outputs_or_services() -> None:
    harmless = {
        (words, flag.flag)
        for words, one in walk()
        for flag in one.params
        if isinstance(flag, FlagOption) and flag.harmless
    }
    assert {flag for _, flag in harmless} == {
        "all", "color", "depth", "environment", "format", "jobs", "no-progress", "offline", "verbose"
    }  # fmt: skip


def test_a_missing_option_that_an_ignored_file_holds_says_so(
    run_cli: RunCli, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    file = tmp_path / "weightmark.toml"
    file.write_text("[gate]\npolicy = 'baseline'\n")
    ran = run_cli("gate", "model", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr == (
        "error[usage]: missing option `--policy`\n"
        f"  why: ignored `policy` from `{file}`: it was found, and nobody named it\n"
        "hint: name it with `--policy`, or the file with `--config FILE`\n"
    )


@pytest.mark.parametrize("from_file", [False, True])
def test_what_is_set_for_all_commands_breaks_none(
    run_cli: RunCli, tmp_path: Path, *, from_file: bool
) -> None:
    env = {} if from_file else {"WEIGHTMARK_FORMAT": "json", "WEIGHTMARK_OUTPUT": "answer"}
    if from_file:
        (tmp_path / "weightmark.toml").write_text("format = 'json'\noutput = 'answer'\n")
        env = {"WEIGHTMARK_CONFIG": "weightmark.toml"}
    for args in (("help",), ("completion", "bash"), ("key", "generate", "-o", "k.key")):
        assert run_cli(*args, cwd=tmp_path, env=env).stderr == "", args
    ran = run_cli("key", "generate", cwd=tmp_path, env=env)
    assert json.loads(ran.stdout)["private_key"] == "release.key"
    policy = run_cli("policy", "init", "--key", "k.pub", cwd=tmp_path, env=env)
    assert json.loads(policy.stdout)["path"] == "weightmark-policy.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("policyy = 'x'", "did you mean `policy`?"),
        ("[toy]\npolicyy = 'x'", "did you mean `policy`?"),
        ("[tyo]\npolicy = 'x'", "did you mean `toy`?"),
        ("config = 'x'", "unknown key `config`"),
        ("isolated = true", "unknown key `isolated`"),
        ("policy = ", "is not valid TOML"),
        ("policy = 'a'\npolicy = 'b'", "is not valid TOML"),
        ('policy = "a\\u0000"', "holds a NUL"),
        ('claims = ["a", "a\\u0000"]', "holds a NUL"),
        ("deep = 'yes'", "is not `true` or `false`"),
        ("claims = 'one'", "is not a list of strings"),
        ("claims = [1]", "is not a list of strings"),
        ("policy = true", "is not a string or a number"),
        ("policy = ['a']", "is not a string or a number"),
        ("verbose = true", "is not a number"),
        ("fail-on = 'lo'", "is not one of"),
        ("jobs = 0", "invalid value for `--jobs`"),
        ("a = " + "[" * 3000 + "]" * 3000, "is not valid TOML"),
        ("#" * (1024 * 1024 + 1), "is over 1048576 bytes"),
    ],
    ids=lambda text: text[:24],
)
def test_a_wrong_file_is_2_with_words(
    run_cli: RunCli, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "weightmark.toml").write_text(text)
    ran = run_cli("toy", "--config", "weightmark.toml", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert message in ran.stderr
    assert "\n  why: the value comes from" in ran.stderr or ran.stderr.startswith("error[settings]")


def test_a_flag_of_another_command_may_stand_at_the_top(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "weightmark.toml").write_text("sha256 = true\n[gate]\npolicy = 'strict'\n")
    assert _value(run_cli("toy", cwd=tmp_path), "policy") == "None (default)"


def test_a_named_file_that_is_missing_is_2(run_cli: RunCli) -> None:
    ran = run_cli("toy", "--config", "nowhere.toml")
    assert (ran.returncode, "`nowhere.toml`" in ran.stderr) == (2, True)


def test_a_broken_project_file_that_does_not_speak_to_us_is_not_our_business(
    run_cli: RunCli, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other\n")
    assert run_cli("toy", cwd=tmp_path).returncode == 0


def test_what_is_not_a_regular_file_is_not_a_settings_file(run_cli: RunCli, tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "weightmark.toml")
    (tmp_path / "pyproject.toml").mkdir()
    assert run_cli("toy", cwd=tmp_path).returncode == 0


def test_a_current_directory_that_is_gone_means_no_file(spawn_cli: RunCli, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    script = (
        f"mkdir {gone}; cd {gone}; rmdir {gone}; {sys.executable} -m weightmark explain tampered"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(root), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_switch_can_be_switched_off_by_the_environment(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "weightmark.toml").write_text("deep = true\n")
    named = {"WEIGHTMARK_CONFIG": "weightmark.toml"}
    assert _value(run_cli("toy", cwd=tmp_path, env=named), "deep").startswith("True")
    off = run_cli("toy", cwd=tmp_path, env={**named, "WEIGHTMARK_DEEP": "0"})
    assert _value(off, "deep") == "False (WEIGHTMARK_DEEP)"


def test_a_repeatable_flag_takes_one_value_a_line_from_the_environment(run_cli: RunCli) -> None:
    ran = run_cli("toy", env={"WEIGHTMARK_CLAIMS": "a b\noci://x:1/y\n"})
    assert _value(ran, "claims").startswith("('a b', 'oci://x:1/y')")


def test_an_empty_variable_counts_as_not_set(run_cli: RunCli) -> None:
    ran = run_cli("toy", env={"WEIGHTMARK_TOY_POLICY": "", "WEIGHTMARK_POLICY": "weak"})
    assert _value(ran, "policy") == "'weak' (WEIGHTMARK_POLICY)"


def test_spellings_of_other_tools_are_understood_and_not_shown(run_cli: RunCli) -> None:
    for spelling in ("--public-key", "--public_key"):
        assert _value(run_cli("toy", spelling, "k"), "key") == "'k' (--key)"
    assert "--public" not in run_cli("toy", "--help").stdout


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "weightmark.toml").write_bytes(content)
    vocabulary = Vocabulary("toy", {"policy": False}, ("toy",), lambda: {"policy"})
    with contextlib.suppress(SettingsError):
        resolve(discover(folder, []), vocabulary)
