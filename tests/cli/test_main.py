"""Each kind of ending: its words, its streams and its exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest

from tests.cli.published import fitting
from tests.cli.running import RunCli
from weightmark.cli import app as app_module
from weightmark.cli.app import Entry
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.render import Document
from weightmark.errors import Exit, WeightmarkError, error_catalogue


def _broken(raised: BaseException | None) -> click.Command:
    @command("toy")
    @pass_console
    def toy(console: Console) -> None:
        if raised is not None:
            raise raised

    return toy


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[click.Command], None]:
    """Make `weightmark toy` run the given command."""

    def put(made: click.Command) -> None:
        monkeypatch.setattr(
            app_module.app, "entries", {**app_module.COMMANDS, "toy": Entry("", "a toy")}
        )
        real = app_module.load
        monkeypatch.setattr(
            app_module,
            "load",
            lambda name, entry, path="": made if name == "toy" else real(name, entry, path),
        )

    return put


def command_line(*args: str) -> list[str]:
    return [sys.executable, "-m", "weightmark", *args]


Install = Callable[[click.Command], None]

_INTERRUPTED_WHILE_IMPORTING = """
import runpy, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
sys.argv = ["weightmark", "--version"]
runpy.run_module("weightmark", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("name", ["click", "weightmark.cli.app"])
def test_an_interrupt_while_modules_are_read_is_an_interrupt(name: str) -> None:
    program = _INTERRUPTED_WHILE_IMPORTING.format(name=name)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", list(error_catalogue().values()), ids=lambda kind: kind.code)
def test_every_error_says_what_why_and_fix(
    run_cli: RunCli, install: Install, kind: type[WeightmarkError]
) -> None:
    install(_broken(kind("it broke", why="it was old", fix="mend it")))
    ran = run_cli("toy")
    assert ran.returncode == kind.exit
    assert ran.stdout == ""
    assert ran.stderr == f"error[{kind.code}]: it broke\n  why: it was old\nhint: mend it\n"


def test_json_error_is_one_object_by_its_schema(run_cli: RunCli, install: Install) -> None:
    install(_broken(error_catalogue()["tampered"]("it broke")))
    ran = run_cli("toy", "-f", "json")
    document = fitting(ran.stdout, "error")
    assert (document["code"], document["exit"], ran.returncode) == ("tampered", 1, 1)


def test_a_stale_json_answer_is_replaced_by_the_error(
    run_cli: RunCli, install: Install, tmp_path: Path
) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text('{"verdict": "verified"}')
    install(_broken(error_catalogue()["tampered"]("it broke")))
    assert run_cli("toy", "-f", "json", "-o", str(answer)).returncode == 1
    assert json.loads(answer.read_text())["code"] == "tampered"


@pytest.mark.parametrize(
    ("raised", "code"),
    [(PermissionError(13, "Permission denied", "x"), 4), (MemoryError(), 4), (KeyboardInterrupt(), 130),
     (RecursionError(), 70), (ValueError("boom"), 70), (SystemExit("words"), 70)],
)  # fmt: skip
def test_no_exception_is_ever_a_traceback(
    run_cli: RunCli, install: Install, raised: BaseException, code: int
) -> None:
    install(_broken(raised))
    ran = run_cli("toy")
    assert ran.returncode == code
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_bug_names_its_crash_file_and_asks_for_a_report(
    run_cli: RunCli, install: Install, quiet_environment: Path
) -> None:
    install(_broken(ZeroDivisionError("secret")))
    ran = run_cli("toy")
    crash = next((quiet_environment / ".local/state/weightmark/crashes").iterdir())
    assert str(crash) in ran.stderr
    assert "report it" in ran.stderr
    assert "secret" not in ran.stderr
    assert "ZeroDivisionError: secret" in crash.read_text()
    assert "Traceback" in run_cli("toy", "-v").stderr


def test_a_command_that_ends_without_an_answer_is_a_bug_and_never_good(
    run_cli: RunCli, install: Install
) -> None:
    install(_broken(None))
    assert run_cli("toy").returncode == 70


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["doctr"], "error[usage]: no such command `doctr`\nhint: did you mean `doctor`?\n"),
        (["doctor", "--colr"], "error[usage]: no such option `--colr`\nhint: did you mean `--color`?\n"),
        (["explain"], "error[usage]: missing argument `CODE`\nhint: see `weightmark explain --help`\n"),
        (["key", "shw"], "error[usage]: no such command `shw`\nhint: did you mean `show`?\n"),
        (["trust", "list"], "error[usage]: no such command `list`\nhint: did you mean `show`?\n"),
        (["-q", "doctor"], "error[usage]: no such option `-q`\nhint: options stand after the command, as in `weightmark sign --key FILE`\n"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_2_with_a_suggestion(
    run_cli: RunCli, args: list[str], message: str
) -> None:
    ran = run_cli(*args)
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", message)


@pytest.mark.parametrize("args", [[], ["ledger"]])
def test_a_call_without_a_command_shows_help_and_is_not_good(
    run_cli: RunCli, args: list[str]
) -> None:
    ran = run_cli(*args)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Usage: weightmark" in ran.stderr


def test_a_wrong_call_is_json_when_json_was_asked_for(run_cli: RunCli) -> None:
    for args, env in (
        (["doctor", "--colr", "--format=json"], {}),
        (["doctor", "-fjson", "--colr"], {}),
        (["doctor", "--colr"], {"WEIGHTMARK_DOCTOR_FORMAT": "json"}),
    ):
        assert json.loads(run_cli(*args, env=env).stdout)["code"] == "usage"


def test_a_bad_value_names_the_variable_it_came_from(run_cli: RunCli) -> None:
    ran = run_cli("doctor", env={"WEIGHTMARK_DOCTOR_JOBS": "many"})
    assert ran.returncode == 2
    assert "`WEIGHTMARK_DOCTOR_JOBS`" in ran.stderr


def test_terminal_escapes_in_an_error_are_shown_and_not_obeyed(
    run_cli: RunCli, install: Install
) -> None:
    install(_broken(error_catalogue()["tampered"]("`a\x1b[2K\u202efile`", fix="a\nb")))
    ran = run_cli("toy")
    assert ran.stderr == "error[tampered]: `a\\x1b[2K\\u202efile`\nhint: a\\x0ab\n"


def test_a_full_disk_on_stdout_is_4_and_never_0(spawn_cli: RunCli) -> None:
    for args in (["explain", "tampered"], ["--help"], ["--version"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                command_line(*args), stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 4
        assert done.stderr.startswith("error[io]: cannot read or write `stdout`: ")
        assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["ledger", "init", "l", "--admit", "k.pub"], 0),
        (["digest", "k.pub"], 0),
        (["verify", "k.key", "--key", "k.pub"], 3),
        (["verify", "missing", "--key", "k.pub"], 2),
    ],
)
@pytest.mark.parametrize("redirect", ["2>/dev/full", "2>&-"])
def test_what_stderr_takes_changes_no_exit_code(
    spawn_cli: RunCli, quiet_environment: Path, args: list[str], code: int, redirect: str
) -> None:
    assert spawn_cli("key", "generate", "-o", "k.key").returncode == 0
    line = " ".join(command_line(*args))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{line} {redirect}"], capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == code


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "2>/dev/full"])
def test_a_closed_stream_is_never_exit_1(spawn_cli: RunCli, redirect: str) -> None:
    line = " ".join(command_line("explain", "nonsense"))
    done = subprocess.run(["/bin/sh", "-c", f"{line} {redirect}"], capture_output=True, check=False)
    assert done.returncode == (4 if redirect == ">&-" else 2)


def test_a_reader_that_goes_away_makes_no_noise(spawn_cli: RunCli) -> None:
    line = " ".join(command_line("doctor", "--help"))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{line} | true"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def test_an_interrupt_ends_with_130(quiet_environment: Path) -> None:
    code = (
        "import sys, time\n"
        "from weightmark.cli import app as a\n"
        "from weightmark.__main__ import main\n"
        "def load(*_): print('ready', flush=True); time.sleep(60)\n"
        "a.load = load\n"
        "sys.exit(main(['doctor']))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    child = subprocess.Popen(
        [*command_line()[:1], "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (130, "interrupted\n")


def test_finish_exits_with_the_code_of_the_document(run_cli: RunCli, install: Install) -> None:
    @command("toy")
    @click.argument("code", type=int)
    @pass_console
    def toy(console: Console, code: int) -> NoReturn:
        facts: dict[str, Any] = {"b": 1, "a": "\udcff"}
        console.finish(Document("weightmark/toy/v1", Exit(code), facts=facts, lines=("a\udcff",)))

    install(toy)
    for code in (0, 1, 3, 4):
        assert run_cli("toy", str(code)).returncode == code
    ran = run_cli("toy", "0", "-f", "json")
    assert json.loads(ran.stdout) == {
        "schema": "weightmark/toy/v1", "verdict": "", "exit": 0, "checks": [], "findings": [],
        "a": "\\xff", "b": 1,
    }  # fmt: skip
