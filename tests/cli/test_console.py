"""Streams, colour and progress."""

import io
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import RunCli
from weightmark.cli.console import Console, wants_color
from weightmark.cli.progress import Progress
from weightmark.provenance.sizes import human_bytes


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "expected"),
    [
        ("auto", {}, True),
        ("never", {"CLICOLOR_FORCE": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("auto", {"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, False),
        ("auto", {"NO_COLOR": ""}, True),
        ("auto", {"CLICOLOR": "0"}, False),
        ("auto", {"TERM": "dumb"}, False),
    ],
)
def test_colour_on_a_terminal(choice: str, environment: dict[str, str], *, expected: bool) -> None:
    assert wants_color(choice, _Terminal(), environment) is expected


def test_colour_without_a_terminal() -> None:
    assert not wants_color("auto", io.StringIO(), {})
    assert wants_color("auto", io.StringIO(), {"CLICOLOR_FORCE": "1"})
    assert not wants_color("auto", io.StringIO(), {"CLICOLOR_FORCE": "0"})


def test_progress_appears_late_and_is_erased() -> None:
    now = 0.0
    stream = _Terminal()
    with Progress(stream, 4_000_000, enabled=True, clock=lambda: now) as progress:
        progress.advance(1_000_000)
        assert stream.getvalue() == ""
        now = 1.0
        progress.advance(1_000_000)
        assert stream.getvalue() == "\r\x1b[2K2.0 MB of 4.0 MB, 2.0 MB/s"
        progress.advance(1)
        assert stream.getvalue().count("\r") == 1
    assert stream.getvalue().endswith("\r\x1b[2K")
    assert progress.done == 2_000_001


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().progress(None) as progress:
        progress.advance(10)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (438_100_000, "438.1 MB"), (5 * 10**15, "5000.0 TB")]
)  # fmt: skip
def test_sizes(size: int, shown: str) -> None:
    assert human_bytes(size) == shown


def test_output_goes_to_the_file_and_nothing_to_stdout(run_cli: RunCli, tmp_path: Path) -> None:
    target = tmp_path / "answer.json"
    target.write_text("old")
    ran = run_cli("rules", "-f", "json", "-o", str(target))
    assert (ran.returncode, ran.stdout) == (0, "")
    assert json.loads(target.read_text())["schema"] == "weightmark/rules/v1"
    assert [path.name for path in tmp_path.iterdir()] == ["answer.json"]
    assert stat.S_ISREG(target.stat().st_mode)


def test_output_that_cannot_be_written_is_4_and_leaves_nothing(
    run_cli: RunCli, tmp_path: Path
) -> None:
    ran = run_cli("rules", "-o", str(tmp_path / "no" / "where.txt"))
    assert (ran.returncode, ran.stdout) == (4, "")
    assert ran.stderr.startswith("error[io]: ")
    assert list(tmp_path.iterdir()) == []


def test_a_dash_is_stdout(run_cli: RunCli) -> None:
    assert run_cli("rules", "-o", "-").stdout == run_cli("rules").stdout


def test_an_ascii_terminal_gets_ascii(spawn_cli: RunCli) -> None:
    ran = spawn_cli("doctor", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert ran.returncode in {0, 4}
    assert ran.stdout.isascii()


def test_a_terminal_gets_colour_and_a_pipe_the_same_words(spawn_cli: RunCli) -> None:
    reader, writer = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "weightmark", "doctor"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    os.close(writer)
    shown = os.read(reader, 65536).decode()
    os.close(reader)
    assert done.stderr == b""
    assert "\x1b[32m✓\x1b[0m python" in shown
    assert "\x1b" not in spawn_cli("doctor").stdout
