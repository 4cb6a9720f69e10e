"""The guide to the gate, typed as it stands from an empty folder; the policy that it shows is saved where it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(console|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAVED = re.compile(r"as\s+`(policies/\w+\.toml)`:\s*\Z")
_VARIES = re.compile(r"\b(wm1:|key:)?[0-9a-f]{12,}(…|`)?|entry \d+")
_SHELL = shutil.which("sh") or "/bin/sh"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder beside a command named `weightmark`."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "weightmark"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m weightmark "$@"\n')
    command.chmod(0o755)
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk"


def test_every_call_of_the_guide_works_in_order_and_says_what_the_page_shows(folder: Path) -> None:
    calls = 0
    for block in _BLOCK.finditer(_PAGE):
        kind, text = block.groups()
        if kind == "toml":
            named = _SAVED.search(_PAGE[: block.start()])
            assert named, "a policy is shown, and not where to save it"
            (folder / named[1]).write_text(text, encoding="utf-8")
            continue
        for call, shown in _calls(text):
            calls += 1
            done = _run(folder, call)
            expected = 1 if "# exit code 1" in call else 0
            assert done.returncode == expected, f"{call}\n{done.stdout}{done.stderr}"
            for line in shown:
                assert _is_said(line, done.stdout + done.stderr), f"{line}\n{done.stdout}"
    assert calls > 30


def test_the_guide_for_ci_works_in_order(folder: Path) -> None:
    page = (_ROOT / "docs" / "guides" / "first-gate.md").read_text(encoding="utf-8")
    (folder / "my-model").mkdir()
    (folder / "my-model" / "weights.pkl").write_bytes(b"\x80\x04}.")
    calls = [call for block in _BLOCK.finditer(page) for call, _ in _calls(block[2])]
    assert len(calls) > 5
    for call in calls:
        done = _run(folder, call)
        assert done.returncode == 0, f"{call}\n{done.stdout}{done.stderr}"


def test_what_a_page_shows_is_held_against_what_was_said() -> None:
    assert _is_said(
        "✓ allow: wm1:1427c549ce05… by policy `gate`", f"✓ allow: wm1:{'a' * 64} by policy `gate`"
    )
    assert not _is_said("✓ allow: wm1:1427c549ce05… by policy `gate`", f"✗ deny: wm1:{'a' * 64}")


def _calls(text: str) -> list[tuple[str, list[str]]]:
    """Return each call with the lines that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return found


def _is_said(line: str, output: str) -> bool:
    """Tell whether a line was printed; `…` stands for anything, and digests differ in each run."""
    parts = [re.escape(part) for part in _VARIES.sub("…", line).replace("`…", "…").split("…")]
    return re.search(".*".join(parts), output) is not None


def _run(folder: Path, call: str) -> "subprocess.CompletedProcess[str]":
    home = folder.parent
    environment = {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(_ROOT),
        "HOME": str(home),
    }
    return subprocess.run(
        [_SHELL, "-c", call],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
