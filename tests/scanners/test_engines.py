"""A second opinion from modelscan: asked about the same bytes, configured by nobody, and never trusted to be silent."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from weightmark.errors import Exit, ExtraMissingError, UnsupportedError
from weightmark.scanners.engines import engines_named

_ROOT = Path(__file__).parents[2]
_PEER = Path(
    os.environ.get("WEIGHTMARK_MODELSCAN_PYTHON", _ROOT / ".peers" / "modelscan" / "bin" / "python")
)
EVIL = b"cos\nsystem\n(S'echo x'\ntR."
CLEAN = b"\x80\x04}."
needs_modelscan = pytest.mark.needs("modelscan")


def _scan(cwd: Path, *args: str) -> tuple[int, dict[str, Any]]:
    """Run the command line where modelscan is importable, too."""
    path = os.pathsep.join([str(_ROOT), sysconfig.get_path("purelib")])
    done = subprocess.run(
        [str(_PEER), "-m", "weightmark", "scan", *args, "-f", "json"],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": path},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer


@needs_modelscan
def test_both_say_who_said_so(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(EVIL)
    code, answer = _scan(tmp_path, "m.pkl", "--engine", "all")
    assert code == 1
    assert {(one["engine"], one["rule"]) for one in answer["findings"]} == {
        ("weightmark", "PKL001"),
        ("modelscan", "MSC001"),
    }
    (theirs,) = [one for one in answer["findings"] if one["engine"] == "modelscan"]
    assert "system" in theirs["detail"]


@needs_modelscan
def test_its_settings_file_in_the_current_folder_is_not_read(tmp_path: Path) -> None:
    """A repository that is scanned from within must not configure its scanner."""
    (tmp_path / "m.pkl").write_bytes(EVIL)
    (tmp_path / "modelscan-settings.toml").write_text(
        '[scanners]\n[scanners."modelscan.scanners.PickleUnsafeOpScan"]\nenabled = false\n'
    )
    code, answer = _scan(tmp_path, ".", "--engine", "modelscan")
    assert code == 1
    assert [one["location"] for one in answer["findings"]] == ["m.pkl"]


@needs_modelscan
def test_a_model_that_it_skips_could_not_be_checked(tmp_path: Path) -> None:
    """It goes by extension, so a pickle under another name is skipped: that is not clean."""
    (tmp_path / "weights").write_bytes(CLEAN)
    code, answer = _scan(tmp_path, "weights", "--engine", "modelscan")
    assert code == 4
    assert (
        "modelscan does not look into this file" in answer["artifacts"][0]["files"][0]["problems"]
    )


@needs_modelscan
def test_a_pickle_that_breaks_off_under_it_could_not_be_checked(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(CLEAN[:-1])
    assert _scan(tmp_path, "m.pkl", "--engine", "modelscan")[0] == 4


@needs_modelscan
def test_what_it_has_no_opinion_about_changes_nothing(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "m.pkl").write_bytes(CLEAN)
    (model / "config.json").write_text('{"model_type": "bert"}')
    (model / "README.md").write_text("words\n")
    code, answer = _scan(tmp_path, "model", "--engine", "all")
    assert (code, answer["findings"]) == (0, [])


@needs_modelscan
def test_a_member_of_an_archive_is_named(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("inner.pkl", EVIL)
    code, answer = _scan(tmp_path, "m.zip", "--engine", "modelscan")
    assert code == 1
    assert [one["location"] for one in answer["findings"]] == ["m.zip!inner.pkl"]


def test_where_it_cannot_run_the_reason_is_told() -> None:
    with pytest.raises((ExtraMissingError, UnsupportedError)) as caught:
        engines_named(("all",))
    assert caught.value.exit is Exit.UNCHECKED
    too_new = sys.version_info >= (3, 13)
    assert ("3.12" if too_new else "weightmark[modelscan]") in caught.value.fix
