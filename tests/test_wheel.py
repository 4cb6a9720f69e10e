"""What is shipped is what is tracked: no module is lost, none comes back, one top-level name."""

import importlib.util
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
WINGS = ("provenance", "scanners", "attestations")
pytestmark = pytest.mark.needs("git")


def _copy_tree_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("copy_tree", ROOT / "tools/copy_tree.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _build(source: Path, form: str, target: Path) -> Path:
    """Build one distribution of `source` without a network."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{form}", "--outdir"]
    done = subprocess.run(
        [*command, str(target), str(source)],
        cwd=target,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.iterdir()
    return built


def _members(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel without its metadata and its data for share/."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names)), "the wheel holds a file twice"
        return {
            name: archive.read(name)
            for name in names
            if not name.partition("/")[0].endswith((".dist-info", ".data"))
        }


def _shared(wheel: Path) -> dict[str, bytes]:
    """Return what a wheel puts outside of site-packages, by its name below the environment."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name.partition(".data/data/")[2]: archive.read(name)
            for name in archive.namelist()
            if name.partition("/")[0].endswith(".data")
        }


def _tracked() -> dict[str, bytes]:
    """Return the tracked files of the package, by the name that they are installed under."""
    found = {}
    for name in _copy_tree_script().tree_files(ROOT):
        path, top = ROOT / name, name.partition("/")[0]
        if path.is_symlink() or top not in (*WINGS, "weightmark"):
            continue
        found[name if top == "weightmark" else f"weightmark/{name}"] = path.read_bytes()
    return found


class Built:
    """The distributions of one tree: a wheel, an sdist, and the wheel built from that sdist."""

    def __init__(self, scratch: Path) -> None:
        tree = scratch / "tree"
        _copy_tree_script().copy_tree(ROOT, tree)
        for name in ("wheel", "sdist", "rebuilt", "unpacked"):
            (scratch / name).mkdir()
        self.sdist = _build(tree, "sdist", scratch / "sdist")
        shutil.rmtree(tree / "build", ignore_errors=True)
        self.wheel = _build(tree, "wheel", scratch / "wheel")
        with tarfile.open(self.sdist) as archive:
            archive.extractall(scratch / "unpacked")  # noqa: S202 - an archive that was built two lines above
        (unpacked,) = (scratch / "unpacked").iterdir()
        self.rebuilt = _build(unpacked, "wheel", scratch / "rebuilt")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("dist"))


def test_the_wheel_holds_the_tracked_tree_and_nothing_else(built: Built) -> None:
    shipped, tracked = _members(built.wheel), _tracked()
    assert sorted(shipped) == sorted(tracked)
    assert shipped == tracked


def test_the_wheel_built_from_the_sdist_is_the_same(built: Built) -> None:
    assert _members(built.rebuilt) == _members(built.wheel)


def test_the_wheel_installs_one_top_level_name(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    installed = {top for top in tops if not top.endswith((".dist-info", ".data"))}
    assert installed == {"weightmark"}


@pytest.mark.parametrize("which", ["wheel", "rebuilt"])
def test_the_wheel_brings_the_manual_and_the_completions(built: Built, which: str) -> None:
    tracked = {
        name: (ROOT / name).read_bytes()
        for name in _copy_tree_script().tree_files(ROOT)
        if name.startswith("share/")
    }
    assert {"share/man/man1/weightmark.1", "share/zsh/site-functions/_weightmark"} <= set(tracked)
    assert _shared(getattr(built, which)) == tracked


def test_the_sdist_holds_no_module_twice_and_no_link(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        assert [member.name for member in archive if member.issym() or member.islnk()] == []
        names = [name.partition("/")[2] for name in archive.getnames()]
    wings = tuple(f"weightmark/{wing}/" for wing in WINGS)
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith(wings)] == []


def test_the_wheel_says_that_it_is_typed_and_names_its_licence(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    assert "weightmark/py.typed" in names
    assert "License-Expression: Apache-2.0" in text
    assert [name for name in names if name.endswith("LICENSE")] != []
    assert "Requires-Python: >=3.11" in text
