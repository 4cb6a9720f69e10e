"""The admin's guide, typed as it stands from an empty folder; the service runs where the guide starts it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attestations.ledger.served import serving

_ROOT = Path(__file__).parents[2]
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDRESS = "http://127.0.0.1:7379"
_SHELL = shutil.which("sh") or "/bin/sh"


def lines() -> list[str]:
    blocks = _CONSOLE.findall((_ROOT / "docs" / "ledger.md").read_text())
    shown = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in shown if line.startswith("$ ")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with a model, and a command named `weightmark`."""
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "weights.pkl").write_bytes(b"\x80\x04}.")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "weightmark"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m weightmark "$@"\n')
    command.chmod(0o755)
    return tmp_path


@pytest.fixture
def services() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_every_call_of_the_guide_works_in_order(folder: Path, services: ExitStack) -> None:
    calls = lines()
    assert len(calls) > 25
    url = ""
    for call in calls:
        if call == "weightmark ledger serve --ledger register":
            url = services.enter_context(serving(folder / "register")).url
            continue
        done = run(folder, call.replace(_ADDRESS, url) if url else call)
        expected = 1 if "exit code 1" in call else 0
        assert done.returncode == expected, f"{call}\n{done.stdout}{done.stderr}"


def run(folder: Path, call: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(_ROOT),
        "HOME": str(folder / "home"),
    }
    return subprocess.run(
        [_SHELL, "-c", call],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
