"""Scanning a whole tree: nothing in it stays unopened without a word."""

import os
from pathlib import Path

import pytest

from weightmark.errors import Exit
from weightmark.scanners.findings import ScanReport, Severity
from weightmark.scanners.tree import scan_artifact

EVIL = b"cos\nsystem\n(S'echo x'\ntR."
HONEST = b"\x80\x04}\x94."


def tree(root: Path, name: str) -> Path:
    """Return an honest tree with one hostile pickle at a path given as text or undecodable bytes."""
    (root / "t").mkdir()
    (root / "t" / "honest.pkl").write_bytes(HONEST)
    path = Path(os.fsdecode(os.fsencode(root / "t") + b"/" + name.encode("latin-1")))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(EVIL)
    return root / "t"


def code(report: ScanReport) -> Exit:
    return report.exit(Severity.HIGH)


@pytest.mark.needs("non_utf8_names")
@pytest.mark.parametrize("name", ["a\xff.pkl", "d\xff/p.pkl", "d/\xff/p.pkl"])
def test_a_name_that_is_not_utf8_hides_nothing(tmp_path: Path, name: str) -> None:
    assert code(scan_artifact(tree(tmp_path, name))) is Exit.UNCHECKED


@pytest.mark.parametrize("name", ["MODEL.SIG/p.pkl", "Model.Sig", "model.CLAIMS"])
def test_a_reserved_name_in_other_letters_hides_nothing(tmp_path: Path, name: str) -> None:
    assert code(scan_artifact(tree(tmp_path, name))) is Exit.UNCHECKED


@pytest.mark.parametrize("name", ["model.sig/p.pkl", "model.claims/p.pkl", "model.receipt/d/p.pkl"])
def test_a_folder_under_a_reserved_name_hides_nothing(tmp_path: Path, name: str) -> None:
    assert code(scan_artifact(tree(tmp_path, name))) is Exit.BAD


def test_a_link_under_a_reserved_name_hides_nothing(tmp_path: Path) -> None:
    root = tree(tmp_path, "evil.pkl")
    (root / "evil.pkl").rename(tmp_path / "evil.pkl")
    (root / "model.sig").symlink_to("../evil.pkl")
    assert code(scan_artifact(root)) is Exit.BAD


@pytest.mark.parametrize(
    "name", [".git/x", ".cache/huggingface/x", "model.sig", ".hidden/x", "a/b/c/x"]
)
def test_everything_else_is_opened(tmp_path: Path, name: str) -> None:
    report = scan_artifact(tree(tmp_path, name))
    assert [finding.rule for finding in report.findings] == ["PKL001"]


@pytest.mark.parametrize(
    "module",
    [
        "evilmod.py",
        "lib/evilmod.py",
        "evilmod/__init__.py",
        "evilmod.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_an_import_of_a_module_beside_the_pickle_runs_it(tmp_path: Path, module: str) -> None:
    (tmp_path / "p.pkl").write_bytes(b"cevilmod\nx\n.")
    alone = scan_artifact(tmp_path)
    assert alone.worst == Severity.MEDIUM
    (tmp_path / module).parent.mkdir(exist_ok=True)
    (tmp_path / module).write_text("print('ran')")
    beside = scan_artifact(tmp_path)
    assert "TRE005" in {finding.rule for finding in beside.findings}
    assert code(beside) is Exit.BAD


def test_a_script_beside_an_honest_pickle_is_no_finding(tmp_path: Path) -> None:
    (tmp_path / "p.pkl").write_bytes(HONEST)
    (tmp_path / "train.py").write_text("print('honest')")
    assert scan_artifact(tmp_path).worst is None
