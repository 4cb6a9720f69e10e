"""Ignored paths: a file by its own name, a folder without what a loader could open."""

from pathlib import Path

import pytest

from tests.attestations.forge import ECHO, make_tree
from weightmark.attestations.making.ignored_paths import NOTHING_IGNORED, IgnoredPaths, beneath_any
from weightmark.errors import CallError
from weightmark.provenance.artifact import open_artifact

TEXT = {"logs/a.txt": b"epoch 1", "logs/deep/b.log": b"epoch 2", "logs2/c.txt": b"3"}


def ignored(tree: Path, *given: str) -> IgnoredPaths:
    return IgnoredPaths.of(open_artifact(tree), given)


def test_a_folder_covers_the_text_in_it_and_no_folder_that_begins_alike(tmp_path: Path) -> None:
    found = ignored(make_tree(tmp_path / "m", TEXT), "logs")
    assert [path for path in TEXT if found.covers(path)] == ["logs/a.txt", "logs/deep/b.log"]
    assert found.covers("logs/gone.txt"), "what is missing can not be opened"
    assert found.kept == frozenset()


@pytest.mark.parametrize(
    "content", [ECHO, b"PK\x03\x04", b"GGUF\x03", b"\x00\x01\x02\x03", b"\x7fELF", b"\x1f\x8b\x08"]
)
def test_a_folder_does_not_cover_what_a_loader_could_open(tmp_path: Path, content: bytes) -> None:
    tree = make_tree(tmp_path / "m", {**TEXT, "logs/a.png": content})
    assert ignored(tree, "logs").kept == {"logs/a.png"}
    assert not ignored(tree, "logs").covers("logs/a.png")
    assert ignored(tree, "logs", "logs/a.png").covers("logs/a.png")


def test_spellings_of_one_place_are_one(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", TEXT)
    plain = ignored(tree, "logs")
    (tmp_path / "link").symlink_to(tree)
    for given in ("logs/", "./logs", "x/../logs", str(tree / "logs"), str(tmp_path / "link/logs")):
        assert ignored(tree, given) == plain


@pytest.mark.parametrize("given", [".", "..", "../m", "/", "/etc/passwd", "a/../.."])
def test_what_is_not_in_the_artifact_is_a_wrong_call(tmp_path: Path, given: str) -> None:
    with pytest.raises(CallError):
        ignored(make_tree(tmp_path / "m", TEXT), given)


def test_a_single_file_has_nothing_to_leave_out(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m", TEXT)
    assert ignored(tree / "logs/a.txt", ".") == NOTHING_IGNORED
    assert not NOTHING_IGNORED.covers(".")


def test_the_outermost_name_is_found() -> None:
    names = frozenset({"a", "a/b", "c/d"})
    assert beneath_any("a/b/c", names) == "a"
    assert beneath_any("c/d", names) == "c/d"
    assert beneath_any("ab", names) is None
    assert beneath_any("c", names) is None
