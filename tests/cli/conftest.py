"""How tests run the command line: in this process, or in a new one."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.running import Ran, RunCli

_UNWANTED = ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "PYTHONUNBUFFERED")
"""what would make a call other than that of a newcomer; unbuffered streams hide failures to write"""


@pytest.fixture
def quiet_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give the call a home of its own and nothing of this machine's settings."""
    home = tmp_path_factory.mktemp("home")
    for name in [*_UNWANTED, *(name for name in os.environ if name.startswith("WEIGHTMARK_"))]:
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def run_cli(quiet_environment: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Run the command line in this process."""
    from weightmark.__main__ import main

    def run(*args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with monkeypatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            if cwd is not None:
                patch.chdir(cwd)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(args)
        return Ran(args, code, _text(out), _text(err))

    return run


@pytest.fixture
def spawn_cli(quiet_environment: Path) -> RunCli:
    """Run the command line in a new process."""

    def run(*args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "weightmark", *args],
            env={**os.environ, **_importable(), **(env or {})},
            cwd=cwd or quiet_environment,
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )
        return Ran(args, done.returncode, done.stdout, done.stderr)

    return run


def _importable() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2])}


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()
