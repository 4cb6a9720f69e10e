"""The worked example: six steps by four roles are allowed, every cheat is refused, and its page shows what happens."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import weightmark

_ROOT = Path(__file__).parents[2]
_EXAMPLE = _ROOT / "docs" / "examples" / "lineage"
_WEIGHTS = "silero-vad/silero_vad_16k.safetensors"
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIES = re.compile(r"(?<![0-9a-z])(?:[0-9a-f]{12,}|\d{4}-\d{2}-\d{2}(?:T[0-9:]+Z)?)")


def _steady(text: str) -> str:
    """Put a mark where keys, digests and dates stand, which no two runs have in common."""
    return _VARIES.sub("#", text)


def _shown() -> tuple[list[str], list[str]]:
    """Return what the page shows of the script's output: blocks of lines, and rows of the table."""
    page = (_EXAMPLE / "README.md").read_text(encoding="utf-8")
    blocks = [one for one in _CONSOLE.findall(page) if one.startswith("$ weightmark ")]
    rows = page[page.index("| cheat |") :].split("\n\n")[0].splitlines()
    return blocks, rows


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, torch_python: Path, real_models: Path
) -> tuple[Path, str]:
    """Return the folder in which the example was played, and all that it printed."""
    place = tmp_path_factory.mktemp("example")
    script = str(_EXAMPLE / "build.py")
    flags = ["--weights", str(real_models / _WEIGHTS), "--python", str(torch_python)]
    done = subprocess.run(
        [sys.executable, script, "played", *flags],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "HOME": str(place / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one.name for one in place.iterdir()] == ["played"]
    return place / "played", done.stdout


@pytest.mark.needs("transformers")
@pytest.mark.needs("models")
def test_the_model_is_allowed_every_cheat_is_refused_and_the_page_says_so(
    played: tuple[Path, str],
) -> None:
    folder, printed = played
    assert weightmark.digest(folder / "package").identity in printed
    assert "✓ allow: " in printed
    blocks, rows = _shown()
    assert len(blocks) >= 4
    for block in blocks:
        assert _steady(block) in _steady(printed)
    made = [_steady(line) for line in printed.splitlines() if line.startswith("|")]
    assert made == [_steady(row) for row in rows]
    assert len(made) - 2 >= 12
    assert "NOT REFUSED" not in printed
    assert not (folder / "cheats").exists()
    assert not list(_EXAMPLE.rglob("__pycache__"))


def test_the_recordings_of_the_example_are_those_that_its_policy_allows(tmp_path: Path) -> None:
    script = str(_EXAMPLE / "steps" / "make_recordings.py")
    subprocess.run([sys.executable, script, str(tmp_path / "recordings")], check=True)
    policy = tomllib.loads((_EXAMPLE / "policy.toml").read_text(encoding="utf-8"))
    made = weightmark.digest(tmp_path / "recordings").identity
    assert policy["chain"]["allowed_datasets"] == [made]


@pytest.mark.needs("models")
def test_the_base_of_the_example_is_the_one_that_its_policy_allows(real_models: Path) -> None:
    policy = tomllib.loads((_EXAMPLE / "policy.toml").read_text(encoding="utf-8"))
    assert policy["chain"]["allowed_bases"] == [weightmark.digest(real_models / _WEIGHTS).identity]


def test_other_weights_than_the_vendor_s_are_refused_before_anything_is_signed(
    tmp_path: Path,
) -> None:
    (tmp_path / "weights").write_bytes(b"other")
    script = str(_EXAMPLE / "build.py")
    done = subprocess.run(
        [sys.executable, script, "played", "--weights", "weights"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "holds other weights" in done.stderr
    assert not (tmp_path / "played" / "keys").exists()
